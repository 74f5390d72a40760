"""A plan as it is proposed: its steps checked, judged and decided, and what they come to together."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.gateway.agreement import Agreed, fingerprint_of
from proxmox_mcp.gateway.request import call_of
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.effects import Judgement
from proxmox_mcp.policy.rules import Verdict
from proxmox_mcp.render.units import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.confirm.statement import Statement
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.gateway.plans.steps import ConcreteStep
    from proxmox_mcp.gateway.request import Request
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.policy.policy import Decision

OnError = Literal["stop", "continue"]
METHOD = "PLAN"
"""The method of the call that stands for a whole plan where calls are confirmed and recorded. Nothing sends it."""

_KINDS = ("qemu", "lxc")


class PlannedStep(Struct, frozen=True):
    """One step: its call as far as it could be taken without sending it, and the state that was read for it."""

    step: ConcreteStep
    call: Call
    live: LiveState

    @property
    def decision(self) -> Decision:
        assert self.call.decision is not None  # noqa: S101 - a rehearsed call is decided
        return self.call.decision

    @property
    def hits(self) -> frozenset[str]:
        """What the step touches, for telling which later steps see another state because of it."""
        targets = self.call.targets
        parts = self.call.path.segments
        named = {*(f"guest {vmid}" for vmid in targets.guests), *(f"pool {pool}" for pool in targets.pools)}
        area = "/".join(parts[:3] if parts[:1] == ("nodes",) else parts[:2])
        return frozenset(named or {area})

    def is_seen_by(self, later: PlannedStep) -> bool:
        """Whether a later step may find another state once this one is done."""
        open_ended = self.call.targets.open_ended or later.call.targets.open_ended
        return bool(open_ended) or not self.hits.isdisjoint(later.hits)


class Proposal(Struct, frozen=True, kw_only=True):
    """A whole plan. ``left_out`` says what a ``*`` stands for and no step is for; ``most_unasked`` is MCP_PLAN_ASK."""

    steps: tuple[PlannedStep, ...]
    request: Request
    cluster: Cluster
    mode: Mode
    most_unasked: int
    on_error: OnError = "stop"
    left_out: tuple[str, ...] = ()
    undo_of: str = ""

    @property
    def objects(self) -> int:
        """How many things are written to: guests, and else what a path names."""
        return len({name for planned in self.steps for name in _objects(planned.step)})

    @property
    def decision(self) -> Decision:
        """The strictest of the steps', and a confirmation for many objects at once in any mode but ``full``."""
        decisions = [planned.decision for planned in self.steps]
        judgement = Judgement(
            tuple(dict.fromkeys(cause for planned in self.steps for cause in planned.call.judgement.causes)),
            all(planned.call.judgement.reviewed for planned in self.steps),
        )
        asked = [each for each in decisions if each.verdict is Verdict.CONFIRM]
        many = self.objects > self.most_unasked and self.mode is not Mode.FULL
        reasons = list(_reasons(asked, self.mode))
        if many:
            reasons.append(f"{self.objects} objects, more than MCP_PLAN_ASK ({self.most_unasked})")
        return replace(
            decisions[0],
            verdict=Verdict.CONFIRM if asked or many else Verdict.ALLOW,
            judgement=judgement,
            reason="; ".join(reasons) or decisions[0].reason,
            causes=judgement.causes,
            rule=None,
            person_only=any(each.person_only for each in asked),
            four_eyes=any(each.four_eyes for each in asked),
            snapshot=False,
        )

    @property
    def count(self) -> str:
        """``3 changed, 1 created, 2 destroyed, 1 interrupted``: a step counts for each thing that it does."""
        counts: dict[str, int] = {}
        for planned in self.steps:
            for word in _words(planned.call.judgement):
                counts[word] = counts.get(word, 0) + 1
        return ", ".join(f"{counts[word]} {word}" for word in _ORDER if word in counts)

    @property
    def summary(self) -> str:
        """What the plan does in one line."""
        what = f"undo of {self.undo_of}: " if self.undo_of else ""
        steps, objects = number_of(len(self.steps), "step"), number_of(self.objects, "object")
        return f"{what}{steps} on {objects}: {self.count}."

    def digest(self) -> str:
        """SHA-256 over exactly what is sent, secrets included."""
        sent = [[*(str(part) for part in (p.step.name, p.call.digest()))] for p in self.steps]
        parts = [self.request.caller.name, self.cluster.name, self.on_error, self.undo_of, sent]
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode("utf-8", "surrogatepass")).hexdigest()

    def as_call(self, number: int = 0) -> Call:
        """The plan as the ladder of confirmations and the audit take it: a call of a method that nothing sends."""
        return replace(
            call_of(self.request, METHOD, ApiPath.of([str(number)] if number else ()), self.cluster.name),
            data={"steps": str(len(self.steps)), "digest": self.digest()},
            judgement=self.decision.judgement,
            decision=self.decision,
            caution="\n".join(dict.fromkeys(p.call.caution for p in self.steps if p.call.caution)),
        )

    def agreed(self, number: int, planned: PlannedStep, statement: Statement | None, confirmation: str) -> Agreed:
        """What one step's call is held to when it is sent."""
        return Agreed(
            plan=number,
            step=planned.step.number,
            effects=planned.call.judgement.effects,
            verdict=planned.decision.verdict,
            fingerprint=fingerprint_of(statement) if statement else "",
            confirmation=confirmation,
        )


def _reasons(asked: Sequence[Decision], mode: Mode) -> Iterator[str]:
    """Why steps must be confirmed: the effects that the mode asks about, and each rule once."""
    effects = sorted({cause.effect for each in asked if each.rule is None for cause in each.causes})
    if effects:
        yield f"{mode} mode: {', '.join(effects)}"
    yield from dict.fromkeys(each.reason for each in asked if each.rule is not None)


_ORDER = ("changed", "created", "destroyed", "interrupted", "running code", "giving access", "lifting protection")
_WORDS: Mapping[Effect, str] = {
    Effect.DESTROY: "destroyed",
    Effect.DISRUPT: "interrupted",
    Effect.EXECUTE: "running code",
    Effect.ACCESS: "giving access",
    Effect.EXPOSE: "lifting protection",
}


def _words(judgement: Judgement) -> Iterator[str]:
    creates = judgement.undo is not None and judgement.undo.kind == "delete-created"
    found = [_WORDS[effect] for effect in _WORDS if effect in judgement.effects]
    yield from ["created"] if creates else []
    yield from found
    if not creates and not found:
        yield "changed"


def _objects(step: ConcreteStep) -> Iterator[str]:
    parts = step.path.segments
    if len(parts) > 3 and parts[0] == "nodes" and parts[2] in _KINDS:
        yield f"guest {parts[3]}"
        yield from (f"guest {vmid}" for vmid in step.allocated.values())
    elif step.allocated:
        yield from step.allocated.values()
    else:
        yield step.path.text
