"""The permissions of an identity: read when they are needed, kept for a minute, single paths asked for by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox.acl import Acl
from proxmox.conftest import reader
from proxmox_mcp.apidoc import load_index
from proxmox_mcp.errors import ParametersError, UnreachableError
from proxmox_mcp.proxmox.permission_cache import MOST_ASKED, PermissionCache

if TYPE_CHECKING:
    from proxmox_mcp.apidoc import Endpoint

GUESTS = ("/vms/100", "/vms/104")
ENTRIES = st.dictionaries(
    st.sampled_from(["/", "/vms", *GUESTS, "/pool/p"]),
    st.dictionaries(st.sampled_from(sorted(Acl.ROLES)), st.sampled_from([0, 1]), min_size=1, max_size=2),
)
POOLS = st.sampled_from([{}, {"p": ("/vms/100",)}])


class Api:
    """Answers as Proxmox does: of one path where it is named, else of those where something is held."""

    def __init__(self, acl: Acl | Exception | dict[str, Any]) -> None:
        self.acl = acl
        self.asked: list[str] = []

    async def request(self, method: str, path: str, params: Any = None, *, deadline: float | None = None) -> Any:
        assert (method, path) == ("GET", "/access/permissions")
        named = (params or {}).get("path", "")
        self.asked.append(named)
        if isinstance(self.acl, Exception):
            raise self.acl
        if isinstance(self.acl, dict):
            return self.acl
        return {named: self.acl.held(named)} if named else self.acl.listed()


def endpoint(method: str, path: str) -> Endpoint:
    found = load_index("9.1").get(method, path)
    assert found is not None
    return found


POWER = endpoint("POST", "/nodes/{node}/qemu/{vmid}/status/stop")


@given(entries=ENTRIES, pools=POOLS, guest=st.sampled_from([*GUESTS, "/vms/999"]))
@pytest.mark.anyio
async def test_what_is_expected_of_a_call_is_what_proxmox_decides_whatever_the_acl(
    entries: dict[str, dict[str, int]], pools: dict[str, tuple[str, ...]], guest: str
) -> None:
    """Roles that don't propagate, NoAccess below a right or through a pool: exact once the path is asked for."""
    acl = Acl(entries, pools)
    call = {"node": "pve1", "vmid": guest.removeprefix("/vms/")}
    rights = await PermissionCache(reader(Api(acl)), "anna@pve").rights_for(POWER, call)
    assert rights is not None
    assert (rights.access(POWER, call).verdict == "allowed") == ("VM.PowerMgmt" in acl.held(guest))


@pytest.mark.anyio
async def test_a_path_is_asked_for_once_and_only_where_the_list_leaves_it_open() -> None:
    api = Api(Acl({"/": {"PVEVMAdmin": 1}, "/vms/100": {"PVEVMUser": 1}, "/vms/104": {"NoAccess": 1}}))
    cache = PermissionCache(reader(api), "anna@pve")
    verdicts = []
    for vmid in ("100", "104", "104"):
        rights = await cache.rights_for(POWER, {"node": "pve1", "vmid": vmid})
        assert rights is not None
        verdicts.append(rights.access(POWER, {"node": "pve1", "vmid": vmid}).verdict)
    assert verdicts == ["allowed", "denied", "denied"]
    assert api.asked == ["", "/vms/104"]


@pytest.mark.anyio
async def test_an_answer_that_is_not_of_the_path_settles_nothing() -> None:
    rights = await PermissionCache(reader(Api({"/": {"VM.PowerMgmt": 1}})), "anna@pve").rights_for(
        POWER, {"node": "a", "vmid": "104"}
    )
    assert rights is not None
    assert rights.access(POWER, {"node": "a", "vmid": "104"}).verdict == "allowed"


@pytest.mark.anyio
async def test_permissions_are_read_once_a_minute() -> None:
    api = Api(Acl({"/": {"PVEAuditor": 1}}))
    cache = PermissionCache(reader(api), "anna@pve")
    rights = await cache.rights()
    assert rights is not None
    assert "Sys.Audit" in rights.permissions.at("/vms")
    assert await cache.rights() is rights
    assert api.asked == [""]


@pytest.mark.anyio
async def test_permissions_that_can_not_be_read_are_no_judgement() -> None:
    assert await PermissionCache(reader(Api(UnreachableError("down"))), "anna@pve").rights() is None


@pytest.mark.parametrize(("kept", "reads"), [(60.0, 1), (-1.0, 3)])
@pytest.mark.anyio
async def test_permissions_are_read_again_when_their_time_is_over(kept: float, reads: int) -> None:
    api = Api(Acl({"/": {"PVEAuditor": 1}}))
    cache = PermissionCache(reader(api), "anna@pve", kept=kept)
    for _ in range(3):
        await cache.rights()
    assert len(api.asked) == reads


@pytest.mark.anyio
async def test_permissions_that_somebody_may_have_changed_are_read_again() -> None:
    api = Api(Acl({"/": {"PVEAuditor": 1}}))
    cache = PermissionCache(reader(api), "anna@pve")
    await cache.rights()
    api.acl = Acl({"/": {"PVEVMUser": 1}})
    cache.forget()
    rights = await cache.rights()
    assert rights is not None
    assert "VM.PowerMgmt" in rights.permissions.at("/vms")


class Refusing(Api):
    """Knows the list, and refuses each path that is asked for by name."""

    def __init__(self, acl: Acl, refusal: Exception) -> None:
        super().__init__(acl)
        self.refusal = refusal

    async def request(self, method: str, path: str, params: Any = None, *, deadline: float | None = None) -> Any:
        answer = await super().request(method, path, params, deadline=deadline)
        if params:
            raise self.refusal
        return answer


@pytest.mark.parametrize(
    ("refusal", "goes_on"), [(ParametersError("unknown path"), True), (UnreachableError("pve1 is down."), False)]
)
@pytest.mark.anyio
async def test_a_path_that_is_not_told_is_judged_by_the_list_and_a_node_that_is_down_is_not_asked_on(
    refusal: Exception, goes_on: bool
) -> None:
    """Of several open paths: a version that does not know one may know the next."""
    clone = endpoint("POST", "/nodes/{node}/qemu/{vmid}/clone")
    call = {"node": "pve1", "vmid": "104", "newid": "200", "pool": "p", "storage": "nas"}
    api = Refusing(Acl({"/": {"PVEVMAdmin": 1}}), refusal)
    rights = await PermissionCache(reader(api), "anna@pve").rights_for(clone, call)
    assert rights is not None
    open_paths = len(rights.unsettled(clone, call)[:MOST_ASKED])
    assert open_paths > 1
    assert len(api.asked) - 1 == (open_paths if goes_on else 1)
