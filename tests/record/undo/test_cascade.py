"""What goes with a guest that is deleted is read before it, and told with it."""

from __future__ import annotations

from typing import Any

from proxmox_mcp.record.undo import Get, cascade, gone_with
from undone_roundtrips import call_of

VM = "/nodes/pve1/qemu/100"
BEFORE: dict[Get, Any] = {
    Get("/access/acl"): [
        {"path": "/vms/100", "ugid": "bob@pve", "roleid": "PVEVMUser", "type": "user"},
        {"path": "/vms/1000", "ugid": "eve@pve", "roleid": "PVEVMUser", "type": "user"},
    ],
    Get("/cluster/backup"): [{"id": "nightly", "vmid": "99,100"}, {"id": "other", "vmid": "1000"}, {"id": "every"}],
    Get("/cluster/ha/resources"): [{"sid": "vm:100", "state": "started"}, {"sid": "ct:100", "state": "started"}],
    Get("/cluster/replication"): [{"id": "100-0", "guest": 100, "target": "pve2"}, {"id": "101-0", "guest": 101}],
    Get(f"{VM}/firewall/rules"): [{"pos": 0, "type": "in", "action": "DROP"}],
}


def test_all_that_a_purge_takes_with_it_is_told() -> None:
    call = call_of("DELETE", VM, {"purge": 1})
    assert set(cascade(call)) == set(BEFORE)
    assert gone_with(call, BEFORE) == (
        "right PVEVMUser of bob@pve on /vms/100",
        "1 firewall rule",
        "place in the backup job nightly",
        "HA resource vm:100 (state started)",
        "replication job 100-0 to pve2",
    )


def test_without_a_purge_jobs_stay() -> None:
    assert gone_with(call_of("DELETE", VM, {}), BEFORE) == ("right PVEVMUser of bob@pve on /vms/100", "1 firewall rule")


def test_a_container_is_no_vm() -> None:
    call = call_of("DELETE", "/nodes/pve1/lxc/100", {"purge": 1})
    assert "HA resource ct:100 (state started)" in gone_with(call, BEFORE)


def test_what_could_not_be_read_and_other_calls_tell_nothing() -> None:
    assert gone_with(call_of("DELETE", VM, {"purge": 1}), {}) == ()
    snapshot = call_of("DELETE", f"{VM}/snapshot/one", {})
    assert cascade(snapshot) == ()
    assert gone_with(snapshot, BEFORE) == ()
