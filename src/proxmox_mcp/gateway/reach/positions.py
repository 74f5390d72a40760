"""What a call names by its position, a rule of a firewall or a repository: another may be there once somebody has
confirmed."""

# Tested through tests/gateway/test_reach.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.confirm.subjects import Subject
from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.gateway.reach.found import Reached
from proxmox_mcp.policy.values import number, texts
from proxmox_mcp.proxmox.records import records

if TYPE_CHECKING:
    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.gateway.reach.found import Reader

_NOT_THE_RULE = frozenset({"digest", "pos", "ipversion", "errors"})
_OF_REPOSITORY = ("Types", "URIs", "Suites", "Components", "Enabled")


async def of_rule(live: LiveState) -> Reached:
    """The rule at the position as it is now."""
    rule = await live.configuration()
    if rule is None:
        return Reached()
    said = {name: ",".join(texts(value)) for name, value in sorted(rule.items()) if name not in _NOT_THE_RULE}
    return Reached((Subject(kind="rule", id=live.call.path_params.get("pos", ""), identity=said),))


def with_rule(read: Reader) -> Reader:
    """The rule, and what else its change hits."""

    async def both(live: LiveState) -> Reached:
        rule, more = await of_rule(live), await read(live)
        return Reached((*rule.subjects, *more.subjects), more.listed)

    return both


async def of_repository(live: LiveState) -> Reached:
    """The repository at the position in a file, as ``PVE::API2::APT::repositories`` lists it."""
    data = live.call.data
    path, index = "".join(texts(data.get("path"))), number("".join(texts(data.get("index"))))
    name = f"{path} #{index}"
    try:
        answer = await live.read(live.call.path.encoded.partition("?")[0])
    except ProxmoxError as error:
        return Reached((Subject(kind="repository", id=name, unread=error.message),))
    files = records(answer.get("files")) if isinstance(answer, dict) else []
    listed = next((records(each.get("repositories")) for each in files if each.get("path") == path), [])
    if not index.isdecimal() or int(index) >= len(listed):
        return Reached((Subject(kind="repository", id=name, unread="the file has no repository at this position"),))
    entry = listed[int(index)]
    said = {part: " ".join(texts(entry.get(part))) for part in _OF_REPOSITORY}
    return Reached((Subject(kind="repository", id=name, identity=said),))
