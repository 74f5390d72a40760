"""What is undone in a way of its own: flags, volumes, backup jobs, addresses, locks, rules."""

from __future__ import annotations

from typing import Any

import pytest

from proxmox_mcp.record.undo import After, Case, Get, Inverse, inverse
from proxmox_mcp.record.undo.model import NEW
from undone_roundtrips import call_of, calls, parameters


def undone(method: str, path: str, before: Any = None, after: After | None = None, /, **data: Any) -> Inverse:
    """``before``: the answers by path."""
    state = {Get(each): answer for each, answer in (before or {}).items()}
    return inverse(Case(call_of(method, path, data), state, parameters, after))


FLAGS = "/cluster/ceph/flags"


def test_flags_of_ceph_are_set_as_they_were() -> None:
    shown = {FLAGS: [{"name": "noout", "value": True}, {"name": "noin", "value": 0}, {"name": "pause", "value": 0}]}
    assert calls(undone("PUT", FLAGS, shown, noout=0, noin=1)) == [("PUT", FLAGS, {"noout": 1, "noin": 0})]
    assert calls(undone("PUT", f"{FLAGS}/noout", {f"{FLAGS}/noout": 1}, value=0)) == [
        ("PUT", f"{FLAGS}/noout", {"value": 1})
    ]
    assert undone("PUT", FLAGS, noout=0).reason == "the flags were not read before"


CONTENT = "/nodes/pve1/storage/local/content"


def test_a_volume_is_deleted_by_the_name_that_proxmox_answers() -> None:
    given = {"vmid": 100, "filename": "vm-100-disk-9", "size": "1G"}
    found = undone("POST", CONTENT, None, After("local:100/vm-100-disk-9.raw"), **given)
    assert calls(found) == [("DELETE", f"{CONTENT}/local:100%2Fvm-100-disk-9.raw", {})]
    before = undone("POST", CONTENT, **given)
    assert before.calls[0].why == f"deletes {NEW}"


@pytest.mark.parametrize("answer", [None, "", "no-volume", "UPID:pve1:0:0:0:imgcopy::root@pam:", ["local:x"]])
def test_a_volume_whose_name_was_not_told_is_not_deleted(answer: Any) -> None:
    found = undone("POST", CONTENT, None, After(answer), vmid=100, filename="x", size="1G")
    assert (found.calls, found.reason) == ((), "Proxmox did not tell the name of the volume")


def test_what_was_downloaded_is_deleted_by_the_name_that_it_was_given() -> None:
    iso = undone(
        "POST", "/nodes/pve1/storage/local/download-url", content="iso", filename="a.iso", url="https://x/a.iso"
    )
    assert calls(iso) == [("DELETE", f"{CONTENT}/local:iso%2Fa.iso", {})]
    template = undone("POST", "/nodes/pve1/aplinfo", storage="local", template="debian.tar.zst")
    assert calls(template) == [("DELETE", f"{CONTENT}/local:vztmpl%2Fdebian.tar.zst", {})]


JOBS = "/cluster/backup"


def jobs(*names: str) -> list[dict[str, str]]:
    return [{"id": name} for name in names]


@pytest.mark.parametrize(
    ("given", "afterwards", "deleted"),
    [
        ({"id": "mine"}, None, "mine"),
        ({}, None, NEW),
        ({}, jobs("old", "backup-1"), "backup-1"),
        ({}, jobs("old"), None),
        ({}, jobs("old", "backup-1", "of-another"), None),
    ],
)
def test_a_backup_job_without_a_name_is_the_one_that_is_new(
    given: dict[str, str], afterwards: Any, deleted: str | None
) -> None:
    after = None if afterwards is None else After(None, {Get(JOBS): afterwards})
    found = undone("POST", JOBS, {JOBS: jobs("old")}, after, schedule="daily", all=1, **given)
    if deleted is None:
        assert (found.calls, found.reason) == ((), "which job is new is unknown")
    else:
        (call,) = found.calls
        assert (call.method, call.why) == ("DELETE", f"deletes the backup job {deleted}")


ADDRESSES = "/cluster/sdn/vnets/office/ips"


@pytest.mark.parametrize(("method", "back"), [("POST", "DELETE"), ("DELETE", "POST")])
def test_an_address_is_made_and_deleted_by_the_same_values(method: str, back: str) -> None:
    given = {"zone": "z", "ip": "192.0.2.7", "mac": "BC:24:11:00:00:01"}
    assert calls(undone(method, ADDRESSES, **given)) == [(back, ADDRESSES, given)]


def test_a_lock_is_given_back_by_its_token() -> None:
    assert calls(undone("POST", "/cluster/sdn/lock", None, After("a-token"))) == [
        ("DELETE", "/cluster/sdn/lock", {"lock-token": "a-token"})
    ]
    assert calls(undone("POST", "/cluster/sdn/lock"))[0][2] == {"lock-token": NEW}


def test_a_subnet_is_known_by_its_zone_and_network() -> None:
    made = undone(
        "POST",
        "/cluster/sdn/vnets/office/subnets",
        {"/cluster/sdn/vnets/office": {"zone": "z"}},
        subnet="192.0.2.0/24",
        type="subnet",
    )
    assert calls(made) == [("DELETE", "/cluster/sdn/vnets/office/subnets/z-192.0.2.0-24", {})]
    unread = undone("POST", "/cluster/sdn/vnets/office/subnets", subnet="192.0.2.0/24", type="subnet")
    assert unread.reason == "the zone of the network was not read before"


RULES = "/cluster/ha/rules"


@pytest.mark.parametrize(("order", "lost"), [(1, ("its place among the rules",)), (2, ())])
def test_a_rule_of_ha_that_was_not_the_last_loses_its_place(order: int, lost: tuple[str, ...]) -> None:
    rule = {"rule": "r", "type": "node-affinity", "resources": "vm:100", "nodes": "pve1", "order": order}
    before = {f"{RULES}/r": rule, RULES: [rule, {"rule": "other", "order": 2}]}
    found = undone("DELETE", f"{RULES}/r", before)
    assert [each.method for each in found.calls] == ["POST"]
    assert found.lost == lost


def test_a_replication_job_that_is_only_marked_keeps_its_settings() -> None:
    path = "/cluster/replication/100-0"
    job = {path: {"id": "100-0", "type": "local", "target": "pve2", "guest": 100}}
    assert calls(undone("DELETE", path, job)) == [("PUT", path, {"delete": ["remove_job"]})]
    gone = undone("DELETE", path, job, After(None, {Get(path): None}))
    assert [(each.method, each.path) for each in gone.calls] == [("POST", "/cluster/replication")]
    forced = undone("DELETE", path, job, force=1)
    assert [(each.method, each.path) for each in forced.calls] == [("POST", "/cluster/replication")]


HOSTS = "/nodes/pve1/hosts"


def test_the_file_of_hosts_is_written_as_it_was() -> None:
    assert calls(undone("POST", HOSTS, {HOSTS: {"data": "127.0.0.1 x"}}, data="new")) == [
        ("POST", HOSTS, {"data": "127.0.0.1 x"})
    ]
    assert undone("POST", HOSTS, data="new").reason == "the file was not read before"
