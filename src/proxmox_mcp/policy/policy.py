"""Whether an action may be done: by the mode, the caller's own rules and those of the policy file.

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

from proxmox_mcp.policy.caller import LOCAL, Caller, Mode
from proxmox_mcp.policy.lookups import NO_FACTS, Facts
from proxmox_mcp.policy.risk import Judgement, Risk
from proxmox_mcp.policy.rules import Rule, Verdict
from proxmox_mcp.policy.targets import changes_pool_members, changes_tags, targets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxmox_mcp.policy.targets import Action, Targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy says of an action. ``rule`` is None where the mode decided.

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

    def decide(self, action: Action, caller: Caller = LOCAL, facts: Facts = NO_FACTS) -> Decision:
        """Decide one action. Pure: the same action, caller and facts give the same decision."""
        mode, judgement = self.effective_mode(caller), action.judgement
        if mode is Mode.READ_ONLY and judgement.risk >= Risk.CHANGE:
            return Decision(verdict=Verdict.DENY, judgement=judgement, reason=f"{mode} mode")
        if not self.rules and not caller.rules:
            return _by_mode(mode, judgement)
        targets = _once(lambda: targets_of(action))
        matching = [rule for rule in self._candidates(action, caller) if rule.matches(action, targets, facts)]
        opening = [rule for rule in matching if mode is not Mode.READ_ONLY or _may_open(rule, judgement)]
        decision = _by_rule(opening[0], judgement) if opening else _by_mode(mode, judgement)
        if decision.verdict is Verdict.DENY:
            return decision
        reserved = next((rule for rule in matching if rule.by_person), None)
        if reserved is not None:
            return _by_rule(reserved, judgement)
        if not opening and decision.verdict is Verdict.ALLOW and self._moves_the_goalposts(action, caller):
            return Decision(verdict=Verdict.CONFIRM, judgement=judgement, reason="changes what rules decide by")
        return decision

    def lookups(self, action: Action, caller: Caller = LOCAL) -> frozenset[int]:
        """The guests whose live facts ``decide`` may ask for; empty for nearly all calls."""
        candidates = [rule for rule in self._candidates(action, caller) if rule.looks_at_targets]
        if not candidates:
            return frozenset()
        targets = targets_of(action)
        return targets.guests if any(rule.needs_facts(targets) for rule in candidates) else frozenset()

    def explain(self, action: Action, caller: Caller = LOCAL, facts: Facts = NO_FACTS) -> str:
        """Which rule decides and why, with what each rule before it lacked. For people, several lines."""
        decision, judgement = self.decide(action, caller, facts), action.judgement
        lines = [
            f"{action.method} {action.template or action.path}",
            f"risk: {judgement.risk} ({judgement.why})",
            f"mode: {self.effective_mode(caller)} (server {self.mode}, caller {caller.name} {caller.mode})",
        ]
        targets = _once(lambda: targets_of(action))
        for rule in (*caller.rules, *self.rules):
            unmet = self._static_fault(rule, action, caller) or rule.unmet(action, targets, facts)
            lines.append(f"{rule.where}, {rule.verdict}: {f'no, by its {unmet}' if unmet else 'matches'}")
        lines.append(f"decision: {decision.verdict}{' by a person' if decision.person_only else ''}: {decision.reason}")
        return "\n".join(lines)

    def _candidates(self, action: Action, caller: Caller) -> tuple[Rule, ...]:
        rules = (*caller.rules, *self.rules) if caller.rules else self.rules
        if action.template:
            return _covering(rules, action.method, action.template, action.cluster, caller.name)
        return tuple(rule for rule in rules if not self._static_fault(rule, action, caller))

    def _static_fault(self, rule: Rule, action: Action, caller: Caller) -> str:
        covered = rule.covers(
            action.method,
            action.template or action.path,
            action.cluster,
            caller.name,
            literal=not action.template,
        )
        return "" if covered else "path, method, cluster or caller"

    def _moves_the_goalposts(self, action: Action, caller: Caller) -> bool:
        if action.judgement.risk < Risk.CHANGE:
            return False
        rules = (*caller.rules, *self.rules)
        return (changes_tags(action) and any(rule.tags for rule in rules)) or (
            changes_pool_members(action) and any(rule.pools for rule in rules)
        )


@lru_cache(maxsize=4096)
def _covering(rules: tuple[Rule, ...], method: str, template: str, cluster: str, caller: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if rule.covers(method, template, cluster, caller))


def _may_open(rule: Rule, judgement: Judgement) -> bool:
    """In read-only mode: whether a rule that matches also lets a read pass that looks deeper than the cluster."""
    return rule.verdict is Verdict.DENY or judgement.risk is Risk.READ or rule.names_read()


def _once(make: Callable[[], Targets]) -> Callable[[], Targets]:
    return lru_cache(maxsize=1)(make)


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
