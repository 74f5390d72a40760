"""Who loses by the end of a group, user or role, and the guests in a pool on which rights are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.confirm.subjects import Subject
from proxmox_mcp.gateway.reach.found import GUESTS, Reached, guests_reached
from proxmox_mcp.policy.values import list_members
from proxmox_mcp.proxmox.records import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.gateway.reach.found import Reader


def losing(parameter: str, kind: str) -> Reader:
    """The members and tokens of what goes, and the entries of the ACL that go with it."""

    async def read(live: LiveState) -> Reached:
        name = live.call.path_params.get(parameter, "")
        configuration = await live.configuration() or {}
        subjects = [Subject(kind="user", id=member) for member in list_members(configuration.get("members"))]
        tokens = configuration.get("tokens")
        subjects += [Subject(kind="token", id=f"{name}!{token}") for token in sorted(tokens or ())]
        for entry in records(await live.read("/access/acl")):
            whose = str(entry.get("ugid", ""))
            lost = str(entry.get("roleid")) == name if kind == "role" else whose in (name, *_tokens(name, tokens))
            if lost and (kind == "role" or entry.get("type") in (kind, "token")):
                of = {str(entry.get("type", "of")): whose, "role": str(entry.get("roleid", ""))}
                subjects.append(Subject(kind="ACL entry", id=str(entry.get("path", "")), identity=of))
        return Reached(tuple(subjects))

    return read


def _tokens(user: str, tokens: object) -> Iterator[str]:
    return (f"{user}!{token}" for token in (tokens if isinstance(tokens, dict | list) else ()))


async def of_rights(live: LiveState) -> Reached:
    """The guests of the pools on which rights are given or taken, and of the pools in them."""
    pools = live.call.targets.pools
    if not pools:
        return Reached()
    resources = await live.resources()
    inside = (guest for guest in resources.guests if any(f"{guest.pool}/".startswith(f"{pool}/") for pool in pools))
    return guests_reached(inside, live, GUESTS)
