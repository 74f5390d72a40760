"""Which rule decides a call: what ``proxmox-mcp policy explain`` tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.gateway.checking import check
from proxmox_mcp.gateway.cluster import choose
from proxmox_mcp.gateway.places import plain_path
from proxmox_mcp.gateway.subjects import live_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.gateway.gateway import Gateway
    from proxmox_mcp.guard.caller import Caller


async def explain(
    gateway: Gateway, caller: Caller, method: str, path: str, data: Mapping[str, Any], cluster: str = ""
) -> str:
    """The rule, its line, why, and what the rules before it lacked. Sends nothing but what live rules ask for.

    Parameters may be left out: the endpoint alone is judged then.
    """
    chosen = choose(gateway.clusters, cluster, caller)
    checked = check(chosen.schema.current, "warn", gateway.guard.risks, method, plain_path(path), data, chosen.name)
    policy = gateway.guard.policy
    facts = await live_facts(policy.lookups(checked.action, caller), chosen)
    return policy.explain(checked.action, caller, facts)
