"""Who loses by the end of a group, user or role; what a role or group gives; the guests in a pool on which rights are
given."""

# Tested through tests/gateway/test_reach.py.

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from proxmox_mcp.confirm.subjects import Subject
from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.gateway.reach.found import GUESTS, Reached, guests_reached
from proxmox_mcp.policy.values import list_members
from proxmox_mcp.proxmox.records import records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.gateway.reach.found import Reader

_OWN_ROLE = re.compile(r"PVE|Administrator$|NoAccess$")
"""Roles that Proxmox VE brings: nobody else can make one with such a name (``PVE::API2::Role``), and what is in them is
always the same."""


class _Listed(NamedTuple):
    """Where a GET lists all of a kind, and in which field what is in each; ``label`` says what that is."""

    kind: str
    path: str
    field: str
    label: str


_ROLES = _Listed("role", "/access/roles", "privs", "privileges")
_GROUPS = _Listed("group", "/access/groups", "users", "members")


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
    """The privileges of the roles that are given or taken, where somebody here made them; the members of groups; the
    guests of the pools on which they are, and of the pools in them."""
    data, pools = live.call.data, live.call.targets.pools
    roles = [name for name in list_members(data.get("roles")) if not _OWN_ROLE.match(name)]
    given = await _what_is_in(roles, _ROLES, live)
    given += await _what_is_in(list_members(data.get("groups")), _GROUPS, live)
    if not pools:
        return Reached(given)
    resources = await live.resources()
    inside = (guest for guest in resources.guests if any(f"{guest.pool}/".startswith(f"{pool}/") for pool in pools))
    guests = guests_reached(inside, live, GUESTS)
    return Reached((*given, *guests.subjects), guests.listed)


async def _what_is_in(names: Sequence[str], of: _Listed, live: LiveState) -> tuple[Subject, ...]:
    """The roles or groups with these names, each with what is in it."""
    if not names:
        return ()
    try:
        known = {str(each.get(f"{of.kind}id")): each.get(of.field) for each in records(await live.read(of.path))}
    except ProxmoxError as error:
        return tuple(Subject(kind=of.kind, id=name, unread=error.message) for name in names)
    return tuple(
        Subject(kind=of.kind, id=name, identity={of.label: ", ".join(sorted(list_members(known.get(name)))) or "none"})
        for name in names
    )


async def of_groups(live: LiveState) -> Reached:
    """The entries of the ACL that a user has by the groups that a call names."""
    named = list_members(live.call.data.get("groups"))
    if not named:
        return Reached()
    entries = [each for each in records(await live.read("/access/acl")) if each.get("type") == "group"]

    def given(group: str) -> str:
        return ", ".join(
            sorted(f"{each.get('roleid')} on {each.get('path')}" for each in entries if each.get("ugid") == group)
        )

    return Reached(
        tuple(Subject(kind="group", id=name, identity={"gives": given(name) or "nothing"}) for name in named)
    )
