"""What a call does and which rule or mode decides it: what ``proxmox-mcp policy explain`` tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import InvalidCallError
from proxmox_mcp.gateway.check import check_against
from proxmox_mcp.gateway.cluster import cluster_for
from proxmox_mcp.gateway.live_state import LiveState
from proxmox_mcp.gateway.places import find_places
from proxmox_mcp.gateway.request import FOR_PEOPLE, Request, method_of
from proxmox_mcp.policy.call import Call, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.apidoc import CallProblem, EndpointIndex
    from proxmox_mcp.apidoc.reviews import Reviews
    from proxmox_mcp.gateway.gateway import Gateway
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.policy.policy import Policy
    from proxmox_mcp.policy.rules import Facts

_MOST_FAULTS = 6


class Explanation(Struct, frozen=True):
    """One call with what decides it. ``note`` is said above, ``caution`` below."""

    call: Call
    policy: Policy
    facts: Facts = field(default_factory=dict)
    note: str = ""
    caution: str = ""

    def as_text(self) -> str:
        """The effects with their causes, the targets, what each rule has to do with it, and the decision."""
        return "\n".join(filter(None, (self.note, self.policy.explain(self.call, self.facts), self.caution)))

    def as_data(self) -> dict[str, Any]:
        """The same for programs. ``by`` is ``rule`` or ``mode``; ``rule`` says which, and is empty for the mode."""
        decision = self.policy.decide(self.call, self.facts)
        return {
            "effects": [
                {"effect": str(cause.effect), "parameter": cause.parameter, "why": cause.why}
                for cause in self.call.judgement.causes
            ],
            "verdict": str(decision.verdict),
            "by": "rule" if decision.rule else "mode",
            "rule": decision.rule.where if decision.rule else "",
            "person_only": decision.person_only,
            "snapshot": decision.snapshot,
            "reason": decision.reason,
            "targets": self.call.targets.as_data(),
            "reviewed": self.call.judgement.reviewed,
        }


async def explain(
    gateway: Gateway, caller: Caller, method: str, path: str, data: Mapping[str, Any], cluster: str = ""
) -> Explanation:
    """The effects, what decides, and what the rules before it lacked; for a path that stands for many, of the first.

    Sends nothing but what the path, the reviews and live rules ask for. Parameters may be left out or wrong: what is
    there is judged. Raises CallError and ProxmoxError where the path can't be found.
    """
    asked = Request(method=method, path=path, data=data, caller=caller, cluster=cluster, wording=FOR_PEOPLE)
    chosen = cluster_for(gateway.clusters, asked)
    method = method_of(asked)
    places = await find_places(ApiPath.given(path), asked, method, chosen)
    if not places.targets:
        raise InvalidCallError("The path stands for no place that there is now.", "Name one place.")
    call = Call(method=method, path=places.targets[0].path, caller=caller, cluster=chosen.name)
    call = check_against(await chosen.schema.current(), call, data, "warn")
    policy = gateway.guard.policy
    live = LiveState(call, chosen)
    call = live.call = await gateway.guard.judge(call, live)
    facts = await live.facts(policy.needs(call))
    note = f"{call.path.text}, the first of {places.total} places" if places.total > 1 else ""
    return Explanation(call, policy, facts, note, _refused(call.faults) or call.caution)


def explain_offline(
    index: EndpointIndex,
    reviews: Reviews,
    policy: Policy,
    caller: Caller,
    method: str,
    path: str,
    data: Mapping[str, Any],
) -> Explanation:
    """The same without a cluster: whatever the live state would decide counts against the call.

    Raises CallError for a path or method that can't be one.
    """
    method = method_of(Request(method=method, path=path, data=data, caller=caller))
    given = ApiPath.given(path)
    found = index.check(method, given, data)
    call = Call(
        method=method,
        path=given,
        caller=caller,
        endpoint=found.endpoint,
        template=found.endpoint.path if found.endpoint else "",
        path_params=found.path_params,
        data=found.data,
    )
    return Explanation(judge(call, reviews), policy, caution=_refused(found.problems))


def _refused(problems: Sequence[CallProblem]) -> str:
    faults = "; ".join(f"{problem.parameter}: {problem.message}" for problem in problems[:_MOST_FAULTS])
    return f"Proxmox would refuse it: {faults}." if faults else ""
