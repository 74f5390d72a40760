"""The rule of a firewall that a call names by its position: another rule may be there once somebody has confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.confirm.subjects import Subject
from proxmox_mcp.gateway.reach.found import Reached
from proxmox_mcp.policy.values import texts

if TYPE_CHECKING:
    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.gateway.reach.found import Reader

_NOT_THE_RULE = frozenset({"digest", "pos", "ipversion", "errors"})


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
