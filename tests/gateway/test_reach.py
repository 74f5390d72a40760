"""Mass and indirect actions: everything that they hit, one by one, and bound to that list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.confirm.statement import Statement, state
from proxmox_mcp.errors import FailedError
from proxmox_mcp.gateway.live_state import LiveState
from proxmox_mcp.policy.call import Call, judge
from proxmox_mcp.record.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Any]]

pytestmark = pytest.mark.anyio


def call(method: str, template: str, data: dict[str, Any] | None = None, **places: str) -> Call:
    made = Call(
        method=method,
        path=ApiPath.parse(template.format(**places)),
        template=template,
        path_params=places,
        data=data or {},
    )
    return judge(made, bundled_effects())


async def hit(scripted: Scripted, made: Call, answers: dict[str, Any] | None = None) -> list[str]:
    cluster, _ = scripted(answers or {})
    live = LiveState(made, cluster)
    return [f"{each.kind} {each.id}" for each in await live.subjects(backups=False)]


async def test_stopping_a_node_names_every_guest_that_runs_there(scripted: Scripted) -> None:
    found = await hit(scripted, call("POST", "/nodes/{node}/stopall", node="pve2"))
    assert found == ["node pve2", "VM 102", "container 103", "container 104"]
    assert "VM 102" in await hit(scripted, call("POST", "/nodes/{node}/status", {"command": "reboot"}, node="pve2"))


async def test_a_bulk_action_without_guests_names_those_of_all_nodes(scripted: Scripted) -> None:
    found = await hit(scripted, call("POST", "/cluster/bulk-action/guest/shutdown"))
    assert found == ["VM 100", "VM 101", "VM 102", "container 103", "container 104", "VM 105"]


async def test_a_backup_of_all_but_some_and_of_a_pool_names_its_guests(scripted: Scripted) -> None:
    made = call("POST", "/nodes/{node}/vzdump", {"all": "1", "exclude": "100", "remove": "0"}, node="pve1")
    assert "VM 101" in await hit(scripted, made)
    of_pool = call("POST", "/cluster/backup", {"pool": "production", "storage": "nas"})
    assert await hit(scripted, of_pool) == ["storage nas", "VM 100"]


async def test_a_job_that_changes_names_the_guests_of_before_and_afterwards(scripted: Scripted) -> None:
    job = {"/cluster/backup/j": {"id": "j", "vmid": "100,101", "storage": "nas"}}
    gone = await hit(scripted, call("DELETE", "/cluster/backup/{id}", id="j"), job)
    assert gone == ["VM 100", "VM 101"]
    other = call("PUT", "/cluster/backup/{id}", {"vmid": "102"}, id="j")
    assert {"VM 100", "VM 101"} < set(await hit(scripted, other, job))


async def test_pruning_names_every_backup_that_would_go(scripted: Scripted) -> None:
    path = "/nodes/pve1/storage/nas/prunebackups"
    marks = [
        {"volid": "nas:backup/a", "mark": "remove", "vmid": 100},
        {"volid": "nas:backup/b", "mark": "keep", "vmid": 100},
        {"volid": "nas:backup/c", "mark": "remove", "vmid": 102},
    ]
    made = call(
        "DELETE",
        "/nodes/{node}/storage/{storage}/prunebackups",
        {"prune-backups": "keep-last=1"},
        node="pve1",
        storage="nas",
    )
    cluster, script = scripted({path: marks})
    told = [f"{each.kind} {each.id}" for each in await LiveState(made, cluster).subjects()]
    assert told == ["storage nas", "backup nas:backup/a", "backup nas:backup/c"]
    assert ("GET", path, {"prune-backups": "keep-last=1"}) in script.asked


async def test_removing_a_storage_names_its_guests_backups_and_jobs(scripted: Scripted) -> None:
    answers = {
        "/nodes/pve1/storage/nas/content": [
            {"volid": "nas:100/vm-100-disk-0.qcow2", "content": "images", "vmid": 100},
            {"volid": "nas:backup/b", "content": "backup", "vmid": 101},
        ],
        "/cluster/backup": [{"id": "nightly", "storage": "nas"}, {"id": "other", "storage": "local"}],
    }
    found = await hit(scripted, call("DELETE", "/storage/{storage}", storage="nas"), answers)
    assert found == ["storage nas", "VM 100", "backup nas:backup/b", "backup job nightly"]


async def test_deleting_a_group_or_user_names_members_tokens_and_entries_of_the_acl(scripted: Scripted) -> None:
    acl = [
        {"path": "/vms", "ugid": "ops", "type": "group", "roleid": "PVEVMAdmin"},
        {"path": "/", "ugid": "paul@pve!ci", "type": "token", "roleid": "PVEAuditor"},
        {"path": "/", "ugid": "ops", "type": "user", "roleid": "PVEAuditor"},
    ]
    group = {"/access/acl": acl, "/access/groups/ops": {"members": ["anna@pve", "ben@pve"]}}
    found = await hit(scripted, call("DELETE", "/access/groups/{groupid}", groupid="ops"), group)
    assert found == ["user anna@pve", "user ben@pve", "ACL entry /vms"]
    user = {"/access/acl": acl, "/access/users/paul@pve": {"tokens": {"ci": {}}}}
    found = await hit(scripted, call("DELETE", "/access/users/{userid}", userid="paul@pve"), user)
    assert found == ["token paul@pve!ci", "ACL entry /"]


async def test_what_cannot_be_read_is_said_and_is_another_fingerprint(scripted: Scripted) -> None:
    made = call("DELETE", "/storage/{storage}", storage="nas")

    async def stated(jobs: Any) -> Statement:
        cluster, _ = scripted({"/nodes/pve1/storage/nas/content": [], "/cluster/backup": jobs})
        return state(made, await LiveState(made, cluster).subjects(), Redactor())

    none, one, unread = (
        await stated([]),
        await stated([{"id": "j", "storage": "nas"}]),
        await stated(FailedError("lost")),
    )
    assert "its state could not be read (lost)" in unread.text
    assert len({each.fingerprint() for each in (none, one, unread)}) == 3
