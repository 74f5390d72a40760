"""Which rule decides a call: what ``proxmox-mcp policy explain`` tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.gateway.check import check_against, must_be_sendable
from proxmox_mcp.gateway.cluster import choose
from proxmox_mcp.gateway.live_state import LiveState
from proxmox_mcp.gateway.places import find_places, method_of
from proxmox_mcp.gateway.request import Request
from proxmox_mcp.policy.call import Call, judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.gateway.gateway import Gateway
    from proxmox_mcp.policy.caller import Caller


async def explain(
    gateway: Gateway, caller: Caller, method: str, path: str, data: Mapping[str, Any], cluster: str = ""
) -> str:
    """The rule, its line, why, and what the rules before it lacked; for a path that stands for many, of the first.

    Sends nothing but what the path and live rules ask for. Parameters may be left out: the endpoint alone is judged
    then. Raises CallError and ProxmoxError as the call would.
    """
    asked = Request(method=method, path=path, data=data, caller=caller, cluster=cluster)
    chosen = choose(gateway.clusters, cluster, caller)
    method = method_of(asked)
    places = await find_places(ApiPath.given(path), asked, method, chosen)
    if not places.targets:
        return "The path stands for no place that there is now."
    call = Call(method=method, path=places.targets[0].path, caller=caller, cluster=chosen.name)
    call = judge(check_against(await chosen.schema.current(), call, data, "warn"), gateway.guard.risks)
    must_be_sendable(call)
    policy = gateway.guard.policy
    facts = await LiveState(call, chosen).facts(policy.needs(call))
    told = [policy.explain(call, facts)]
    if places.total > 1:
        told.insert(0, f"{call.path.text}, the first of {places.total} places")
    if call.endpoint is None:
        told.append(call.caution)
    return "\n".join(told)
