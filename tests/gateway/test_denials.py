"""What is missing where Proxmox refuses without saying it, and the pool in which a guest may be created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import FailedError, PermissionDeniedError
from proxmox_mcp.gateway.check import check_against
from proxmox_mcp.gateway.denials import missing_rights
from proxmox_mcp.policy.call import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Any]]

pytestmark = pytest.mark.anyio

BARE = PermissionDeniedError("Permission check failed", "generic", status=403)
WHO = "mcp@pve!t1"
NEW_VM = ("POST", "/nodes/pve1/qemu", {"vmid": 200})
NEW_CT = ("POST", "/nodes/pve1/lxc", {"vmid": 200, "ostemplate": "local:vztmpl/x.tar.zst"})
CLONE = ("POST", "/nodes/pve1/qemu/100/clone", {"newid": 200})
POOL = {"/pool/web": {"VM.Allocate": 1}, "/vms/100": {"VM.Clone": 1}}


async def told(
    scripted: Scripted, held: Any, call: tuple[str, str, dict[str, Any]], error: Any = BARE, identity: str = WHO
) -> str:
    cluster, _ = scripted({"/access/permissions": held}, identity)
    return await missing_rights(error, checked(cluster, *call), cluster)


def checked(cluster: Cluster, method: str, path: str, data: dict[str, Any]) -> Call:
    call = Call(method=method, path=ApiPath.parse(path))
    return check_against(cluster.schema.load(), call, data, "auto")


@pytest.mark.parametrize(
    ("method", "path", "missing"),
    [
        ("POST", "/nodes/pve1/qemu/100/status/start", "lacks VM.PowerMgmt on /vms/100"),
        ("DELETE", "/nodes/pve1/lxc/100", "lacks VM.Allocate on /vms/100"),
        ("GET", "/nodes/pve1/syslog", "lacks Sys.Syslog on /nodes/pve1"),
        ("DELETE", "/storage/nas", "lacks Datastore.Allocate on /storage"),
    ],
)
async def test_a_bare_refusal_says_what_the_schema_says_is_missing_and_how_to_grant_it(
    method: str, path: str, missing: str, scripted: Scripted
) -> None:
    advice = await told(scripted, {"/": {"Pool.Audit": 1}}, (method, path, {}))
    assert missing in advice
    assert f"--tokens '{WHO}'" in advice


@pytest.mark.parametrize("call", [NEW_VM, NEW_CT, CLONE])
@pytest.mark.parametrize(
    "error", [BARE, PermissionDeniedError("Permission check failed (/vms/200, VM.Allocate)", status=403)]
)
async def test_who_has_rights_on_a_pool_only_is_told_to_name_it(
    call: tuple[str, str, dict[str, Any]], error: PermissionDeniedError, scripted: Scripted
) -> None:
    advice = await told(scripted, POOL, call, error)
    assert advice == f"{WHO} may create guests in a pool only: repeat the call with pool=web."
    two = {**POOL, "/pool/lab/a": {"VM.Allocate": 1}, "/pool/seen": {"Pool.Audit": 1}}
    assert "pool=lab/a. It has VM.Allocate on the pools lab/a, web." in await told(scripted, two, call, error)


@pytest.mark.parametrize("call", [NEW_VM, NEW_CT, CLONE])
async def test_who_has_no_pool_is_told_where_the_right_is_missing(
    call: tuple[str, str, dict[str, Any]], scripted: Scripted
) -> None:
    assert "lacks VM.Allocate on /vms/200" in await told(scripted, {"/": {"VM.Clone": 1}}, call)
    in_pool = (*call[:2], {**call[2], "pool": "web"})
    assert "lacks VM.Allocate on /pool/web" in await told(scripted, {"/": {"VM.Clone": 1}}, in_pool)


async def test_where_the_schema_finds_nothing_missing_that_is_said_and_nothing_guessed(scripted: Scripted) -> None:
    advice = await told(scripted, {"/vms/200": {"VM.Allocate": 1}}, NEW_VM)
    assert "By the schema mcp@pve!t1 may make this call" in advice
    assert "pveum" not in advice


async def test_what_proxmox_itself_names_and_what_is_no_refusal_of_rights_is_left_as_it_is(scripted: Scripted) -> None:
    named = PermissionDeniedError("Permission check failed (/vms/100, VM.PowerMgmt)", status=403)
    start: tuple[str, str, dict[str, Any]] = ("POST", "/nodes/pve1/qemu/100/status/start", {})
    assert await told(scripted, {}, start, named) == ""
    assert await told(scripted, {}, start, FailedError("Permission check failed")) == ""
    assert await told(scripted, FailedError("down"), start) == ""
    assert await told(scripted, {}, start, BARE, "root@pam") == ""
