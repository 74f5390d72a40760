"""What was stated and confirmed of one step of a plan: its call asks nobody again, it is held to that."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.errors import ConfirmationError
from proxmox_mcp.policy.effects import several
from proxmox_mcp.policy.rules import Verdict

if TYPE_CHECKING:
    from proxmox_mcp.confirm.statement import Statement
    from proxmox_mcp.policy.call import Call

_STOPS = (
    "The step was not sent, and the plan stops here. Make a plan of the steps that are left to see it stated again."
)
_BY_RULE = "a rule"
"""What confirms a snapshot that a rule asks for, where the call itself needs no confirmation."""


class Agreed(Struct, frozen=True, kw_only=True):
    """One step as it was stated. ``confirmation`` says who or what confirmed the plan, and is empty where its steps
    needed none; ``fingerprint`` identifies what the step was stated to hit, and is empty where nothing is bound."""

    effects: frozenset[Effect]
    verdict: Verdict
    plan: int = 0
    step: int = 0
    fingerprint: str = ""
    confirmation: str = ""

    @classmethod
    def of_snapshot(cls, call: Call) -> Agreed:
        """For the snapshot that a rule asks for before a call: confirmed, or allowed, with the call itself."""
        verdict = call.decision.verdict if call.decision else Verdict.CONFIRM
        confirmation = f"before {call.name[:80]}: {call.confirmation.rpartition(': ')[2] or _BY_RULE}"
        return cls(effects=frozenset({Effect.CHANGE}), verdict=verdict, confirmation=confirmation)

    @property
    def by_person(self) -> bool:
        """Whether a person confirmed the plan: in the client, or as the operator."""
        return self.confirmation.rpartition(": ")[2] not in ("", "token", _BY_RULE)


def fingerprint_of(statement: Statement) -> str:
    """What a step is bound to: what it hits and does, and each value that it replaces, as that is now."""
    replaced = [[each.name, each.before] for each in statement.differences]
    return hashlib.sha256(json.dumps([statement.identity, replaced]).encode("utf-8", "surrogatepass")).hexdigest()


def held_to(agreed: Agreed, call: Call, statement: Statement | None) -> Call:
    """The call with the confirmation of its plan. ``statement`` is the call's as the cluster is now; None if nothing is
    bound.

    Raises ConfirmationError where the call is judged or decided more strictly than it was stated, or would hit
    something else.
    """
    more = call.judgement.effects - agreed.effects
    if more:
        raise ConfirmationError(f"this does more than was stated: {several(call.judgement.of(more))}.", _STOPS)
    decision = call.decision
    asks = decision is not None and decision.verdict is Verdict.CONFIRM
    if asks and not agreed.confirmation:
        raise ConfirmationError(f"this needs a confirmation by now ({decision.reason if decision else ''}).", _STOPS)
    if asks and decision is not None and decision.person_only and not agreed.by_person:
        raise ConfirmationError(f"a person must confirm this by now ({decision.reason}).", _STOPS)
    if statement is not None and not hmac.compare_digest(fingerprint_of(statement), agreed.fingerprint):
        raise ConfirmationError(
            f"what this would hit has changed since the plan was stated. Now: {statement.text}", _STOPS
        )
    of = f"plan {agreed.plan}: " if agreed.plan and agreed.confirmation else ""
    stated = statement.recorded if statement is not None else ""
    return replace(call, confirmation=f"{of}{agreed.confirmation}", statement=stated)
