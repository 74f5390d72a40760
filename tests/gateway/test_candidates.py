from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.errors import DaemonDownError, FailedError, NodeUnreachableError, ParametersError, ProxmoxError
from proxmox_mcp.gateway.candidates import candidates, unknown_node
from proxmox_mcp.guard.action import Action
from proxmox_mcp.guard.risk import Judgement, Risk

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Any]]

pytestmark = pytest.mark.anyio


def action(path: str, **path_params: str) -> Action:
    judged = Judgement(risk=Risk.READ, why="test")
    return Action(method="GET", template="/t", path=path, path_params=path_params, judgement=judged)


GUEST = action("/nodes/pve1/qemu/100/config", node="pve1", vmid="100")

CASES: dict[str, tuple[ProxmoxError, Action, str]] = {
    "a node that is none": (
        NodeUnreachableError("No route to host", status=595),
        action("/nodes/pve11/qemu/100", node="pve11", vmid="100"),
        "There are: pve1, ",
    ),
    "a pvedaemon that is down, on whichever node": (
        DaemonDownError("pvedaemon is not running on node pve3", status=595),
        action("/nodes/pve3/status", node="pve3"),
        "",
    ),
    "a node that is off": (
        NodeUnreachableError("No route to host", status=595),
        action("/nodes/pve3/status", node="pve3"),
        "pve3 is offline. Online: pve1, pve2.",
    ),
    "a name that does not resolve": (
        FailedError("hostname lookup 'pvee2' failed - failed to get address info"),
        action("/nodes/pvee2/status", node="pvee2"),
        "There are: pve2, ",
    ),
    "a guest on another node": (
        FailedError("Configuration file 'nodes/pve2/qemu-server/100.conf' does not exist"),
        action("/nodes/pve2/qemu/100/config", node="pve2", vmid="100"),
        "Guest 100 (web-01, qemu on pve1) is there. The path: /nodes/pve1/qemu/100/config",
    ),
    "a guest of the other kind": (
        FailedError("Configuration file 'nodes/pve1/lxc/100.conf' does not exist"),
        action("/nodes/pve1/lxc/100/status/current", node="pve1", vmid="100"),
        "The path: /nodes/pve1/qemu/100/status/current",
    ),
    "a guest that is none": (
        FailedError("Configuration file 'nodes/pve1/qemu-server/110.conf' does not exist"),
        action("/nodes/pve1/qemu/110", node="pve1", vmid="110"),
        "There is no guest 110. Near it: 100 (web-01",
    ),
    "a storage": (
        FailedError("storage 'locale' does not exist"),
        action("/nodes/pve1/storage/locale/content", node="pve1", storage="locale"),
        "Near it: local.",
    ),
    "a storage among the parameters": (
        ParametersError("Parameter verification failed.", errors={"storage": "storage 'nass' does not exist"}),
        GUEST,
        "Near it: nas.",
    ),
    "a snapshot": (FailedError("snapshot 'befor' does not exist"), GUEST, "Near it: before."),
    "a volume": (
        FailedError("no such volume 'local:iso/debian-12.iso'"),
        action(
            "/nodes/pve1/storage/local/content/iso/debian-12.iso", node="pve1", storage="local", volume="debian.iso"
        ),
        "Near it: local:iso/debian-13.iso.",
    ),
    "a user": (FailedError("no such user ('lenna@pve')"), action("/access/users/lenna@pve"), "Near it: lena@pve."),
    "a pool": (FailedError("pool 'prod' does not exist"), action("/pools/prod"), "Near it: production."),
    "a role": (FailedError("role 'PVEAdmn' does not exist"), action("/access/acl"), "Near it: PVEAdmin."),
    "a group": (FailedError("group 'ops' does not exist"), action("/access/groups/ops"), "There are no groups"),
    "anything else": (FailedError("got timeout"), GUEST, ""),
}
ANSWERS: dict[str, Any] = {
    "/nodes/pve1/qemu/100/snapshot": [{"name": "before"}, {"name": "current"}, {"name": "x-17"}],
    "/nodes/pve1/storage/local/content": [{"volid": "local:iso/debian-13.iso"}, {"volid": "local:iso/w.iso"}],
    "/access/users": [{"userid": "lena@pve"}, {"userid": "root@pam"}],
    "/access/groups": [],
    "/access/roles": [{"roleid": "PVEAdmin"}, {"roleid": "NoAccess"}],
    "/pools": [{"poolid": "production"}, {"poolid": "lab"}],
}


@pytest.mark.parametrize("what", CASES)
async def test_after_a_refusal_what_there_is_instead_is_named(what: str, scripted: Scripted) -> None:
    error, asked, said = CASES[what]
    cluster, _ = scripted(ANSWERS)
    told = await candidates(error, asked, cluster)
    assert said in told
    assert bool(told) == bool(said)


async def test_where_the_cluster_cannot_be_asked_nothing_is_said(scripted: Scripted) -> None:
    cluster, _ = scripted({"/cluster/resources": FailedError("no quorum"), "/access/users": FailedError("down")})
    for error, asked, _ in CASES.values():
        assert await candidates(error, asked, cluster) == ""


async def test_a_list_that_is_empty_for_an_unknown_node_says_so(scripted: Scripted) -> None:
    cluster, _ = scripted()
    assert await unknown_node(action("/nodes/pve1/qemu", node="pve1"), cluster) == ""
    assert await unknown_node(action("/nodes/localhost/qemu", node="localhost"), cluster) == ""
    assert await unknown_node(action("/cluster/ha"), cluster) == ""
    said = await unknown_node(action("/nodes/pwe1/qemu", node="pwe1"), cluster)
    assert said.startswith("There is no node pwe1. ")
    away, _ = scripted({"/cluster/resources": FailedError("no quorum")})
    assert await unknown_node(action("/nodes/pwe1/qemu", node="pwe1"), away) == ""
