from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import (
    DaemonDownError,
    FailedError,
    NodeUnreachableError,
    ParametersError,
    PermissionDeniedError,
    ProxmoxError,
    TargetError,
)
from proxmox_mcp.gateway.places import find_places
from proxmox_mcp.gateway.request import Request
from proxmox_mcp.gateway.suggestions import no_guests, unknown_node, what_there_is
from proxmox_mcp.policy.call import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Any]]

pytestmark = pytest.mark.anyio


def action(path: str, **path_params: str) -> Call:
    return Call(method="GET", template="/t", path=ApiPath.parse(path), path_params=path_params)


GUEST = action("/nodes/pve1/qemu/100/config", node="pve1", vmid="100")

CASES: dict[str, tuple[ProxmoxError, Call, str]] = {
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
    "a node by its DNS name": (
        FailedError("hostname lookup 'pve1.example.org' failed - failed to get address info"),
        action("/nodes/pve1.example.org/status", node="pve1.example.org"),
        "There is no node pve1.example.org. Use a node's name in the cluster, not a DNS name or an address. N",
    ),
    "a node by its address, whatever is answered": (
        FailedError("proxy loop detected"),
        action("/nodes/10.0.0.1/status", node="10.0.0.1"),
        "not a DNS name or an address. There are: pve1, pve2, pve3.",
    ),
    "a node that is none, refused for want of rights": (
        PermissionDeniedError("Permission check failed (/nodes/pve1.lan, Sys.Audit)", status=403),
        action("/nodes/pve1.lan/syslog", node="pve1.lan"),
        "There is no node pve1.lan.",
    ),
    "a node among the parameters": (
        FailedError("no such cluster node 'pve9.lan'"),
        GUEST,
        "There is no node pve9.lan. Use a node's name in the cluster",
    ),
    "a node of a fabric": (FailedError("node 'pve9' does not exist in fabric 'f1'"), GUEST, ""),
    "a file that is no volume": (
        FailedError("opening '/var/lib/rrdcached/x': No such file or directory"),
        action("/nodes/pve1/storage/local/rrddata", node="pve1", storage="local"),
        "",
    ),
    "a file of a volume": (
        FailedError("unlink '/x.iso' failed: No such file or directory"),
        action(
            "/nodes/pve1/storage/local/content/local:iso/w.iso", node="pve1", storage="local", volume="local:iso/v.iso"
        ),
        ": local:iso/w.iso",
    ),
    "a user whose name has other letters": (
        FailedError("no such user ('max.mÃ¼ller@pve')"),
        action("/access/users/max.müller@pve", userid="max.müller@pve"),
        '"max.müller@pve" is there (GET /access/users), but Proxmox can\'t find it by a path',
    ),
    "a user who is there": (
        FailedError("no such user ('lena@pve')"),
        action("/access/users/lena@pve", userid="lena@pve"),
        "GET /access/users lists lena@pve, so the cause is another.",
    ),
    "a storage that is there": (
        FailedError("storage 'local' does not exist"),
        action("/nodes/pve1/storage/local/content", node="pve1", storage="local"),
        "",
    ),
    "anything else": (FailedError("got timeout"), GUEST, ""),
}
ANSWERS: dict[str, Any] = {
    "/nodes/pve1/qemu/100/snapshot": [{"name": "before"}, {"name": "current"}, {"name": "x-17"}],
    "/nodes/pve1/storage/local/content": [{"volid": "local:iso/debian-13.iso"}, {"volid": "local:iso/w.iso"}],
    "/access/users": [{"userid": "lena@pve"}, {"userid": "root@pam"}, {"userid": "max.müller@pve"}],
    "/access/groups": [],
    "/access/roles": [{"roleid": "PVEAdmin"}, {"roleid": "NoAccess"}],
    "/pools": [{"poolid": "production"}, {"poolid": "lab"}],
}


@pytest.mark.parametrize("what", CASES)
async def test_after_a_refusal_what_there_is_instead_is_named(what: str, scripted: Scripted) -> None:
    error, asked, said = CASES[what]
    cluster, _ = scripted(ANSWERS)
    told = await what_there_is(error, asked, cluster)
    assert said in told
    assert bool(told) == bool(said)


async def test_where_the_cluster_cannot_be_asked_nothing_is_said(scripted: Scripted) -> None:
    cluster, _ = scripted({"/cluster/resources": FailedError("no quorum"), "/access/users": FailedError("down")})
    for error, asked, _ in CASES.values():
        assert await what_there_is(error, asked, cluster) == ""


async def test_a_list_that_is_empty_for_an_unknown_node_says_so(scripted: Scripted) -> None:
    cluster, _ = scripted()
    assert await unknown_node(action("/nodes/pve1/qemu", node="pve1"), cluster) == ""
    assert await unknown_node(action("/nodes/localhost/qemu", node="localhost"), cluster) == ""
    assert await unknown_node(action("/cluster/ha"), cluster) == ""
    said = await unknown_node(action("/nodes/pwe1/qemu", node="pwe1"), cluster)
    assert said.startswith("There is no node pwe1. ")
    away, _ = scripted({"/cluster/resources": FailedError("no quorum")})
    assert await unknown_node(action("/nodes/pwe1/qemu", node="pwe1"), away) == ""


@pytest.mark.parametrize(
    ("identity", "permissions", "said"),
    [
        ("root@pam!mcp", {"/": {"VM.Audit": 1, "Sys.Audit": 1}, "/vms": {"VM.Audit": 1}}, "The cluster has no guests."),
        ("root@pam", {}, "The cluster has no guests."),
        ("mcp@pve!t1", {"/nodes": {"Sys.Audit": 1}}, "No guest is visible, but mcp@pve!t1 lacks VM.Audit on /vms"),
        ("mcp@pve!t1", FailedError("down"), "shows whether this identity has VM.Audit"),
    ],
)
async def test_where_there_are_no_guests_only_an_identity_that_may_not_see_them_is_told_so(
    identity: str, permissions: Any, said: str, scripted: Scripted
) -> None:
    nodes = [{"type": "node", "node": "pve1", "status": "online"}]
    cluster, _ = scripted({"/cluster/resources": nodes, "/access/permissions": permissions}, identity)
    assert said in await no_guests(cluster)
    with pytest.raises(TargetError) as caught:
        await find_places(ApiPath.given("nodes/*/qemu/web/config"), Request(path=""), "GET", cluster)
    assert said in caught.value.advice
    gone = FailedError("Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist")
    assert said in await what_there_is(gone, GUEST, cluster)
