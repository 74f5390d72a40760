"""The live facts that decide about an effect of a call, read in parallel; what can't be read stays unknown, and unknown
counts against the call.

Proxmox leaves out of ``/access/acl`` and ``/access/users`` what an identity may not see, without a word: an empty list
means "nobody" only to an identity that sees all of them (``PVE::API2::ACL::read_acl``, ``PVE::API2::User::index``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.gateway.backup_runs import doomed, retention_of_call
from proxmox_mcp.policy.predicates import LiveFacts
from proxmox_mcp.policy.values import list_members, members, texts
from proxmox_mcp.proxmox.records import records

if TYPE_CHECKING:
    from collections.abc import Collection

    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.policy.predicates import Fact

_ADMINISTRATOR = "Administrator"
_ROOT = "root@pam"


async def read_facts(wanted: Collection[Fact], live: LiveState) -> LiveFacts:
    """The facts that are wanted, as far as they can be read."""
    found: dict[str, Any] = {}

    async def read(fact: Fact) -> None:
        try:
            found[fact] = await _READERS[fact](live)
        except ProxmoxError:
            found[fact] = None

    async with anyio.create_task_group() as group:
        for fact in wanted:
            group.start_soon(read, fact)
    return LiveFacts(**found)


async def _configuration(live: LiveState) -> Any:
    return await live.configuration()


async def _identity(live: LiveState) -> str | None:
    rights = await live.cluster.permissions.rights()
    return rights.identity if rights else None


async def _groups(live: LiveState) -> frozenset[str] | None:
    identity = await _identity(live)
    user = (identity or "").partition("!")[0]
    users = await _users(live)
    if users is None or user not in users:
        return None
    return frozenset(members(str(users[user].get("groups") or "")))


async def _users(live: LiveState) -> dict[str, dict[str, Any]] | None:
    """All users by name, with their groups; None where this identity may not see all of them."""
    if not await _holds(live, "/access/groups", "Sys.Audit"):
        return None
    listed = await live.read("/access/users", {"full": "1"})
    return {str(each["userid"]): each for each in records(listed) if "userid" in each}


async def _acl(live: LiveState) -> list[dict[str, Any]] | None:
    """All entries of the ACL; None where this identity may not see all of them."""
    return records(await live.read("/access/acl")) if await _holds(live, "/access", "Sys.Audit") else None


async def _holds(live: LiveState, path: str, privilege: str) -> bool:
    rights = await live.cluster.permissions.rights()
    return rights is not None and rights.holds(privilege, path)


async def _other_administrators(live: LiveState) -> bool | None:
    """Whether an enabled user that the call does not touch is administrator: by an entry on ``/``, or as root@pam.

    An entry of a group that the call touches counts for nobody; one of a token neither, since no person signs in by it.
    """
    users, acl = await _users(live), await _acl(live)
    if users is None or acl is None:
        return None
    touched = _touched(live)
    by_group = {str(each["ugid"]) for each in acl if _administers(each) and each.get("type") == "group"} - touched
    direct = {str(each["ugid"]) for each in acl if _administers(each) and each.get("type") == "user"} | {_ROOT}
    return any(
        str(user.get("enable", 1)) == "1"
        and name not in touched
        and (name in direct or not by_group.isdisjoint(members(str(user.get("groups") or ""))))
        for name, user in users.items()
    )


def _administers(entry: dict[str, Any]) -> bool:
    return entry.get("path") == "/" and entry.get("roleid") == _ADMINISTRATOR


def _touched(live: LiveState) -> set[str]:
    call = live.call
    given = [call.path_params.get("userid"), call.path_params.get("groupid")]
    given += [call.data.get(name) for name in ("users", "groups")]
    return {member for value in given for member in list_members(value)}


async def _carries_rights(live: LiveState) -> bool | None:
    """Whether an entry of the ACL is on the pool itself, or on all pools."""
    acl = await _acl(live)
    data = live.call.data
    pool = live.call.path_params.get("poolid") or "".join(texts(data.get("poolid") or data.get("pool")))
    if acl is None or not pool:
        return None
    above = {f"/pool/{pool}", "/pool", *(f"/pool/{pool[:n]}" for n, c in enumerate(pool) if c == "/")}
    return any(each.get("path") in above for each in acl)


async def _taken(live: LiveState) -> bool | None:
    call = live.call
    node, storage, name = call.path_params.get("node"), call.path_params.get("storage"), call.data.get("filename")
    if not node or not storage or not name:
        return None
    listed = await live.read(f"/nodes/{node}/storage/{storage}/content")
    return any(str(each.get("volid", "")).endswith(f"/{name}") for each in records(listed))


async def _removes_backups(live: LiveState) -> bool | None:
    gone = await doomed(live)
    return None if gone is None else bool(gone)


_READERS = {
    "config": _configuration,
    "identity": _identity,
    "groups": _groups,
    "other_administrators": _other_administrators,
    "taken": _taken,
    "carries_rights": _carries_rights,
    "retention": retention_of_call,
    "removes_backups": _removes_backups,
}
