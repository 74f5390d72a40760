"""Whether a call may be made: by the mode, the caller's own rules and those of the policy file.

Precedence, from the top:

1. In ``read-only`` mode (the server's or the caller's) whatever writes is denied, and reads of risk ``inside`` and
   ``outreach`` are, unless a rule that names a path or a risk lets them pass.
2. The caller's own rules, then the file's: the first that matches decides.
3. A rule with ``by = "person"`` that matches holds whatever allows or confirms before it; only a denial is stronger.
4. Where no rule matches, the lower of the server's and the caller's mode decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.lookups import NO_FACTS, NO_NEEDS, Facts, Needs
from proxmox_mcp.policy.risk import Judgement, Risk
from proxmox_mcp.policy.rules import Rule, Verdict
from proxmox_mcp.policy.targets import changes_pool_members, changes_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.policy.caller import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy says of a call. ``rule`` is None where the mode decided.

    ``person_only``: the confirmation must be a person's, no token will do.
    """

    verdict: Verdict
    judgement: Judgement
    reason: str
    rule: Rule | None = None
    person_only: bool = False


def mode_verdict(mode: Mode, risk: Risk) -> Verdict:
    """What a mode alone says of a risk."""
    if risk is Risk.READ or mode is Mode.FULL:
        return Verdict.ALLOW
    if mode is Mode.READ_ONLY:
        return Verdict.DENY
    return Verdict.ALLOW if risk is Risk.CHANGE else Verdict.CONFIRM


class Policy:
    """The server's mode and the rules of its policy file. Holds no state; a reload makes a new one."""

    def __init__(self, mode: Mode, rules: Sequence[Rule] = ()) -> None:
        self.mode = mode
        self.rules = tuple(rules)

    def effective_mode(self, caller: Caller) -> Mode:
        return min(self.mode, caller.mode)

    def decide(self, call: Call, facts: Facts = NO_FACTS) -> Decision:
        """Decide one call. Pure: the same call and facts give the same decision."""
        mode, judgement = self.effective_mode(call.caller), call.judgement
        if mode is Mode.READ_ONLY and judgement.risk >= Risk.CHANGE:
            return Decision(verdict=Verdict.DENY, judgement=judgement, reason=f"{mode} mode")
        if not self.rules and not call.caller.rules:
            return _by_mode(mode, judgement)
        matching = [rule for rule in self._candidates(call) if rule.matches(call, facts)]
        opening = [rule for rule in matching if mode is not Mode.READ_ONLY or _may_open(rule, judgement)]
        decision = _by_rule(opening[0], judgement) if opening else _by_mode(mode, judgement)
        if decision.verdict is Verdict.DENY:
            return decision
        reserved = next((rule for rule in matching if rule.by_person), None)
        if reserved is not None:
            return _by_rule(reserved, judgement)
        if not opening and decision.verdict is Verdict.ALLOW and self._moves_the_goalposts(call):
            return Decision(verdict=Verdict.CONFIRM, judgement=judgement, reason="changes what rules decide by")
        return decision

    def needs(self, call: Call) -> Needs:
        """The live facts that ``decide`` may ask for; none for nearly all calls."""
        if not call.targets.guests:
            return NO_NEEDS
        asking = [rule for rule in self._candidates(call) if rule.needs_facts(call.targets)]
        if not asking:
            return NO_NEEDS
        return Needs(guests=call.targets.guests, storages=any(rule.storages for rule in asking))

    def explain(self, call: Call, facts: Facts = NO_FACTS) -> str:
        """Which rule decides and why, with what each rule before it lacked. For people, several lines."""
        decision, judgement, caller = self.decide(call, facts), call.judgement, call.caller
        lines = [
            f"{call.method} {call.template or call.path.text}",
            f"risk: {judgement.risk} ({judgement.why})",
            f"mode: {self.effective_mode(caller)} (server {self.mode}, caller {caller.name} {caller.mode})",
        ]
        for rule in (*caller.rules, *self.rules):
            unmet = self._static_fault(rule, call) or rule.unmet(call, facts)
            lines.append(f"{rule.where}, {rule.verdict}: {f'no, by its {unmet}' if unmet else 'matches'}")
        lines.append(f"decision: {decision.verdict}{' by a person' if decision.person_only else ''}: {decision.reason}")
        return "\n".join(lines)

    def _candidates(self, call: Call) -> tuple[Rule, ...]:
        rules = (*call.caller.rules, *self.rules) if call.caller.rules else self.rules
        if call.template:
            return _covering(rules, call.method, call.template, call.cluster, call.caller.name)
        return tuple(rule for rule in rules if not self._static_fault(rule, call))

    def _static_fault(self, rule: Rule, call: Call) -> str:
        path = call.template or call.path.text
        covered = rule.covers(call.method, path, call.cluster, call.caller.name, literal=not call.template)
        return "" if covered else "path, method, cluster or caller"

    def _moves_the_goalposts(self, call: Call) -> bool:
        if call.judgement.risk < Risk.CHANGE:
            return False
        rules = (*call.caller.rules, *self.rules)
        return (changes_tags(call) and any(rule.tags for rule in rules)) or (
            changes_pool_members(call) and any(rule.pools for rule in rules)
        )


@lru_cache(maxsize=4096)
def _covering(rules: tuple[Rule, ...], method: str, template: str, cluster: str, caller: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if rule.covers(method, template, cluster, caller))


def _may_open(rule: Rule, judgement: Judgement) -> bool:
    """In read-only mode: whether a rule that matches also lets a read pass that looks deeper than the cluster."""
    return rule.verdict is Verdict.DENY or judgement.risk is Risk.READ or rule.names_read()


def _by_mode(mode: Mode, judgement: Judgement) -> Decision:
    return Decision(
        verdict=mode_verdict(mode, judgement.risk),
        judgement=judgement,
        reason=f"{mode} mode, {judgement.risk}: {judgement.why}",
    )


def _by_rule(rule: Rule, judgement: Judgement) -> Decision:
    return Decision(
        verdict=rule.verdict,
        judgement=judgement,
        reason=f"{rule.where}: {rule.reason}" if rule.reason else rule.where,
        rule=rule,
        person_only=rule.by_person,
    )
