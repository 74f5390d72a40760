from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import FailedError, PermissionDeniedError
from proxmox_mcp.gateway.live_state import LiveState
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.lookups import ABSENT, Gathered, Needs
from proxmox_mcp.policy.risk import Judgement, Risk
from proxmox_mcp.policy.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.confirm.statement import Subject
    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Any]]

pytestmark = pytest.mark.anyio

CONFIG = {"name": "web-01", "scsi0": "ceph:vm-100-disk-0,size=8G", "net0": "virtio=AA,bridge=vmbr0"}
ANSWERS: dict[str, Any] = {
    "/nodes/pve1/qemu/100/config": CONFIG,
    "/nodes/pve1/qemu/100/snapshot": [{"name": "before"}, {"name": "current"}],
    "/nodes/pve1/storage/local/content": [],
    "/nodes/pve1/storage/nas/content": [{"volid": "nas:backup/b", "ctime": 7}],
}


def action(risk: Risk = Risk.DESTROY, template: str = "/nodes/{node}/qemu/{vmid}", **params: str) -> Call:
    judged = Judgement(risk=risk, why="test")
    call = Call(method="DELETE", template=template, path=ApiPath.parse("/p"), path_params=params, judgement=judged)
    return replace(call, targets=targets_of(call))


async def live_facts(vmids: list[int], cluster: Cluster) -> Gathered:
    return await LiveState(action(), cluster).facts(Needs(guests=frozenset(vmids), storages=True))


async def subjects_of(call: Call, cluster: Cluster) -> list[Subject]:
    return await LiveState(call, cluster).subjects()


async def test_facts_of_a_guest_are_its_node_pool_tags_and_storages(scripted: Scripted) -> None:
    cluster, _ = scripted(ANSWERS)
    facts = await live_facts([100], cluster)
    found = facts.guest(100)
    assert found is not None
    assert (found.node, found.pool, found.tags) == ("pve1", "production", frozenset({"prod", "web"}))
    assert found.storages == frozenset({"ceph"})


async def test_nothing_is_asked_where_no_rule_asks(scripted: Scripted) -> None:
    cluster, script = scripted(ANSWERS)
    await live_facts([], cluster)
    assert script.asked == []


async def test_a_guest_that_is_not_there_is_absent_only_to_who_sees_all(scripted: Scripted) -> None:
    all_seeing, _ = scripted(ANSWERS)
    assert (await live_facts([999], all_seeing)).guest(999) is ABSENT
    blind, _ = scripted({**ANSWERS, "/access/permissions": {"/vms/100": {"VM.Audit": 1}}}, identity="dev@pve!t1")
    assert (await live_facts([999], blind)).guest(999) is None


async def test_what_cannot_be_read_stays_unknown(scripted: Scripted) -> None:
    cluster, _ = scripted({"/cluster/resources": FailedError("no quorum")})
    assert (await live_facts([100], cluster)).guest(100) is None
    half, _ = scripted({"/nodes/pve1/qemu/100/config": PermissionDeniedError("no VM.Audit")})
    found = (await live_facts([100], half)).guest(100)
    assert found is not None
    assert found.storages is None


async def test_a_guest_that_is_destroyed_is_told_with_disks_snapshots_and_backups(scripted: Scripted) -> None:
    cluster, _ = scripted(ANSWERS)
    (subject,) = await subjects_of(action(node="pve1", vmid="100"), cluster)
    assert str(subject) == (
        "VM 100 web-01: disks scsi0=ceph:vm-100-disk-0; snapshots before; on pve1; status running; size 8G; "
        "backups 1, the newest nas:backup/b"
    )


async def test_backups_are_looked_for_only_where_something_is_destroyed(scripted: Scripted) -> None:
    cluster, script = scripted(ANSWERS)
    (subject,) = await subjects_of(action(Risk.DISRUPT, node="pve1", vmid="100"), cluster)
    assert "backups" not in str(subject)
    assert not any("content" in path for path in script.paths)


async def test_backups_that_cannot_be_read_are_not_said_to_be_none(scripted: Scripted) -> None:
    denied = {"/nodes/pve1/storage/nas/content": PermissionDeniedError("no Datastore.Audit")}
    cluster, _ = scripted({**ANSWERS, **denied})
    (subject,) = await subjects_of(action(node="pve1", vmid="100"), cluster)
    assert "backups" not in str(subject)


async def test_a_guest_whose_state_cannot_be_read_is_told_as_such(scripted: Scripted) -> None:
    cluster, _ = scripted({"/nodes/pve1/qemu/100/config": FailedError("got timeout")})
    (subject,) = await subjects_of(action(node="pve1", vmid="100"), cluster)
    assert str(subject) == "VM 100: its state could not be read (got timeout)"
    away, _ = scripted({"/cluster/resources": FailedError("no quorum")})
    (subject,) = await subjects_of(action(node="pve1", vmid="100"), away)
    assert "its state could not be read (no quorum)" in str(subject)


async def test_a_node_is_told_with_its_state_where_nothing_smaller_is_hit(scripted: Scripted) -> None:
    cluster, _ = scripted()
    (subject,) = await subjects_of(action(Risk.DISRUPT, "/nodes/{node}/status", node="pve3"), cluster)
    assert str(subject) == "node pve3: status offline"


async def test_the_state_is_read_at_the_moment_and_not_kept(scripted: Scripted) -> None:
    cluster, script = scripted(ANSWERS)
    first = await subjects_of(action(node="pve1", vmid="100"), cluster)
    script.answers["/nodes/pve1/qemu/100/config"] = {**CONFIG, "name": "other"}
    second = await subjects_of(action(node="pve1", vmid="100"), cluster)
    assert first[0].identity["name"] == "web-01"
    assert second[0].identity["name"] == "other"
    assert script.paths.count("/cluster/resources") == 2
