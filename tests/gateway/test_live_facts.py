"""The live facts that decide about an effect: what Proxmox says, or unknown where an identity does not see all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import FailedError, PermissionDeniedError
from proxmox_mcp.gateway.live_facts import read_facts
from proxmox_mcp.gateway.live_state import LiveState
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.predicates import LiveFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.policy.predicates import Fact

    Scripted = Callable[..., tuple[Cluster, Any]]

pytestmark = pytest.mark.anyio

TOKEN = "ops@pve!t1"
SEES_ALL = {"/access/permissions": {"/access": {"Sys.Audit": 1}, "/access/groups": {"Sys.Audit": 1}}}
SEES_SOME = {"/access/permissions": {"/vms": {"VM.Audit": 1}}}


async def fact(
    wanted: Fact, scripted: Scripted, answers: dict[str, Any], data: dict[str, Any] | None = None, **places: str
) -> Any:
    """One fact of a call with these parameters, in and outside the path."""
    cluster, _ = scripted(answers, TOKEN)
    call = Call(method="PUT", path=ApiPath.parse("/p"), template="/p", path_params=places, data=data or {})
    return getattr(await read_facts([wanted], LiveState(call, cluster)), wanted)


async def test_what_is_not_wanted_is_not_read_and_what_fails_is_unknown(scripted: Scripted) -> None:
    cluster, script = scripted({"/access/permissions": FailedError("no answer")}, TOKEN)
    live = LiveState(Call(method="PUT", path=ApiPath.parse("/p")), cluster)
    assert await read_facts([], live) == LiveFacts()
    assert script.paths == []
    assert await read_facts(["identity", "carries_rights"], live) == LiveFacts()
    assert set(script.paths) == {"/access/permissions"}


async def test_the_identity_is_the_token_in_use(scripted: Scripted) -> None:
    assert await fact("identity", scripted, SEES_SOME) == TOKEN


USERS: list[dict[str, Any]] = [
    {"userid": "ops@pve", "groups": "admins,readers"},
    {"userid": "eve@pve", "groups": ""},
    {"comment": "not a user"},
]


async def test_users_are_read_with_their_groups_which_proxmox_leaves_out_otherwise(scripted: Scripted) -> None:
    cluster, script = scripted(SEES_ALL | {"/access/users": USERS}, TOKEN)
    call = Call(method="PUT", path=ApiPath.parse("/p"), template="/p")
    assert (await read_facts(["groups"], LiveState(call, cluster))).groups
    assert [params for _, path, params in script.asked if path == "/access/users"] == [{"full": "1"}]


async def test_the_groups_of_the_identitys_user_are_known_to_who_sees_all_users(scripted: Scripted) -> None:
    assert await fact("groups", scripted, SEES_ALL | {"/access/users": USERS}) == {"admins", "readers"}
    assert await fact("groups", scripted, SEES_SOME | {"/access/users": USERS}) is None
    assert await fact("groups", scripted, SEES_ALL | {"/access/users": USERS[1:]}) is None


def entry(ugid: str, kind: str = "user", role: str = "Administrator", path: str = "/") -> dict[str, Any]:
    return {"ugid": ugid, "type": kind, "roleid": role, "path": path}


@pytest.mark.parametrize(
    ("acl", "users", "others"),
    [
        ([entry("eve@pve")], [{"userid": "eve@pve"}], True),
        ([entry("eve@pve")], [{"userid": "eve@pve", "enable": 0}], False),
        ([entry("eve@pve", role="PVEAdmin")], [{"userid": "eve@pve"}], False),
        ([entry("eve@pve", path="/vms")], [{"userid": "eve@pve"}], False),
        ([entry("eve@pve!t", "token")], [{"userid": "eve@pve"}], False),
        ([entry("ops@pve")], [{"userid": "ops@pve"}], False),
        ([entry("admins", "group")], [{"userid": "eve@pve", "groups": "x,admins"}], True),
        ([entry("admins", "group")], [{"userid": "ops@pve", "groups": "admins"}], False),
        ([entry("gone", "group")], [{"userid": "eve@pve", "groups": "gone"}], False),
        ([], [{"userid": "root@pam", "enable": 1}], True),
        ([], [{"userid": "root@pam", "enable": 0}], False),
    ],
)
async def test_another_administrator_is_an_enabled_user_that_the_call_does_not_touch(
    acl: list[dict[str, Any]], users: list[dict[str, Any]], others: bool, scripted: Scripted
) -> None:
    answers = SEES_ALL | {"/access/users": users, "/access/acl": acl}
    touched = {"users": "ops@pve", "groups": ["gone"]}
    assert await fact("other_administrators", scripted, answers, touched) is others
    assert await fact("other_administrators", scripted, answers, userid="ops@pve", groupid="gone") is others


@pytest.mark.parametrize("seen", ["/vms", "/access/groups"])
async def test_who_does_not_see_all_users_and_rights_knows_of_no_other_administrator(
    seen: str, scripted: Scripted
) -> None:
    answers = {"/access/users": [{"userid": "root@pam"}], "/access/acl": []}
    some = {"/access/permissions": {seen: {"Sys.Audit": 1}}}
    assert await fact("other_administrators", scripted, answers | some) is None


@pytest.mark.parametrize(
    ("path", "carries"),
    [
        ("/pool/a/b", True),
        ("/pool/a", True),
        ("/pool", True),
        ("/pool/a/b/c", False),
        ("/pool/ab", False),
        ("/", False),
    ],
)
async def test_a_pool_carries_the_rights_on_it_and_on_the_pools_above_it(
    path: str, carries: bool, scripted: Scripted
) -> None:
    answers = SEES_ALL | {"/access/acl": [entry("x", path="/vms/1"), entry("eve@pve", path=path)]}
    assert await fact("carries_rights", scripted, answers, poolid="a/b") is carries
    for name in ("poolid", "pool"):
        assert await fact("carries_rights", scripted, answers, {name: "a/b"}) is carries


async def test_whether_a_pool_carries_rights_is_unknown_without_the_pool_or_the_whole_acl(scripted: Scripted) -> None:
    assert await fact("carries_rights", scripted, SEES_ALL | {"/access/acl": []}) is None
    assert await fact("carries_rights", scripted, SEES_SOME | {"/access/acl": []}, {"pool": "a"}) is None
    denied = SEES_ALL | {"/access/acl": PermissionDeniedError("no")}
    assert await fact("carries_rights", scripted, denied, {"pool": "a"}) is None


async def test_a_file_is_taken_if_the_storage_has_one_of_its_whole_name(scripted: Scripted) -> None:
    path = "/nodes/pve1/storage/local/content"
    answers = SEES_SOME | {path: [{"volid": "local:iso/debian.iso"}, {"size": 1}]}
    places = {"node": "pve1", "storage": "local"}
    found = [
        await fact("taken", scripted, answers, {"filename": name}, **places)
        for name in ("debian.iso", "ebian.iso", "iso", "other.iso")
    ]
    assert found == [True, False, False, False]
    assert await fact("taken", scripted, answers, {}, **places) is None
    assert await fact("taken", scripted, SEES_SOME, {"filename": "debian.iso"}, **places) is None
