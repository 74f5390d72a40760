"""Whether a call may be made: by the mode, the caller's own rules and those of the policy file.

A call has several effects. Each is decided for itself, and the strictest verdict holds:

1. In ``read-only`` mode (the server's or the caller's) whatever does more than look is denied, and so are looking
   ``inside`` and ``outreach``, unless a rule that names a path or an effect lets them pass.
2. The caller's own rules are asked first, then the file's, from the top. A rule that denies acts where it touches the
   call. One that confirms asks where it touches the call. One that confirms or allows ends the search only where it
   covers the effect and all targets: so an exception comes before what it is excepted from, and nothing that is added
   to a call reaches an exception that is not for it.
3. Where no rule ends the search, the lower of the server's and the caller's mode decides.
4. A rule with ``by = "person"`` that touches the call holds whatever allows or confirms it; only a denial is stronger.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.rules import NO_FACTS, NO_NEEDS, Facts, Needs, Rule, Verdict
from proxmox_mcp.policy.targets import changes_pool_members, changes_tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.policy.effects import Cause, Judgement

_UNASKED = frozenset({Effect.READ, Effect.CHANGE})
_LOOKS = frozenset({Effect.READ, Effect.INSIDE, Effect.OUTREACH})
"""All that a call may do in read-only mode; except ``read``, only where a rule names it."""
_GOALPOSTS = "changes what rules decide by"
_STRICTNESS = {Verdict.ALLOW: 0, Verdict.CONFIRM: 1, Verdict.DENY: 2}


class Decision(Struct, frozen=True, kw_only=True):
    """What the policy says of a call. ``rule`` is None where the mode decided; ``causes`` are those that it decided by.

    ``person_only``: the confirmation must be a person's, no token will do; ``four_eyes``: an operator's who is not the
    caller's own person. ``snapshot``: a rule asks for a snapshot of
    the guests before the call is sent.
    """

    verdict: Verdict
    judgement: Judgement
    reason: str
    causes: tuple[Cause, ...] = ()
    rule: Rule | None = None
    person_only: bool = False
    four_eyes: bool = False
    snapshot: bool = False


def mode_verdict(mode: Mode, effect: Effect) -> Verdict:
    """What a mode alone says of an effect."""
    if effect is Effect.READ or mode is Mode.FULL:
        return Verdict.ALLOW
    if mode is Mode.READ_ONLY:
        return Verdict.DENY
    return Verdict.ALLOW if effect in _UNASKED else Verdict.CONFIRM


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
        if mode is Mode.READ_ONLY and not judgement.effects <= _LOOKS:
            causes = judgement.of(judgement.effects - _LOOKS)
            return Decision(verdict=Verdict.DENY, judgement=judgement, reason=f"{mode} mode", causes=causes)
        touched = {rule: causes for rule in self._candidates(call) if (causes := rule.touched(call, facts))}
        if not touched:
            return self._by_mode_alone(call, mode)
        decided = [(cause, *_of_cause(cause, mode, touched, call, facts)) for cause in judgement.causes]
        _, verdict, rule = max(decided, key=lambda each: (_STRICTNESS[each[1]], each[2] is None))
        causes = tuple(cause for cause, found, by in decided if by is rule and found is verdict)
        reason = _reason(rule) if rule else f"{mode} mode: {_effects(causes)}"
        if verdict is Verdict.DENY:
            return Decision(verdict=verdict, judgement=judgement, reason=reason, causes=causes, rule=rule)
        reserved = next((each for each in touched if each.by_person), None)
        if reserved is not None:
            verdict, rule, causes, reason = reserved.verdict, reserved, touched[reserved], _reason(reserved)
        elif verdict is Verdict.ALLOW and rule is None and self._moves_the_goalposts(call):
            verdict, reason = Verdict.CONFIRM, _GOALPOSTS
        return Decision(
            verdict=verdict,
            judgement=judgement,
            reason=reason,
            causes=causes,
            rule=rule,
            person_only=reserved is not None,
            four_eyes=any(each.four_eyes for each in touched),
            snapshot=any(each.snapshot for each in touched),
        )

    def _by_mode_alone(self, call: Call, mode: Mode) -> Decision:
        """What is decided of a call that no rule touches, as nearly every read."""
        of_mode = _of_mode if call.data else _kept_of_mode  # Without parameters, no name that a caller chose is kept.
        verdict, causes, reason = of_mode(mode, call.judgement.causes)
        if verdict is Verdict.ALLOW and self._moves_the_goalposts(call):
            verdict, reason = Verdict.CONFIRM, _GOALPOSTS
        return Decision(verdict=verdict, judgement=call.judgement, reason=reason, causes=causes)

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
        lines = [f"{call.method} {call.template or call.path.text}"]
        lines += [f"effect: {cause}" for cause in judgement.causes]
        lines += [f"targets: {text}" for text in [call.targets.told()] if text]
        lines.append(f"mode: {self.effective_mode(caller)} (server {self.mode}, caller {caller.name} {caller.mode})")
        lines += [
            f"{rule.where}, {rule.verdict}: {self._of_rule(rule, call, facts)}" for rule in (*caller.rules, *self.rules)
        ]
        lines.append(f"decision: {decision.verdict}{_by(decision)}: {decision.reason}")
        if decision.snapshot:
            lines.append("before it: a snapshot of the guests")
        return "\n".join(lines)

    def _of_rule(self, rule: Rule, call: Call, facts: Facts) -> str:
        """What a rule has to do with a call, in a few words."""
        if unmet := self._static_fault(rule, call):
            return f"no, by its {unmet}"
        causes = call.judgement.causes
        covered, touched = rule.covered(call, facts), rule.touched(call, facts)
        if rule.verdict is Verdict.DENY or not covered:
            if touched and rule.verdict is not Verdict.ALLOW:
                return "matches"
            unmet = rule.unmet(call, facts, wholly=rule.verdict is Verdict.ALLOW)
            return f"no, by its {unmet or ('effect' if rule.effects else 'parameter')}"
        return "matches" if len(covered) == len(causes) else f"matches for {_effects(covered)} only"

    def _candidates(self, call: Call) -> tuple[Rule, ...]:
        """The rules that may touch a call, by all of it but its values."""
        rules = (*call.caller.rules, *self.rules) if call.caller.rules else self.rules
        if call.template:
            effects = call.judgement.effects if call.judgement.reviewed else None
            return _covering(rules, call.method, call.template, call.cluster, call.caller.name, effects)
        return tuple(rule for rule in rules if not self._static_fault(rule, call))

    def _static_fault(self, rule: Rule, call: Call) -> str:
        path = call.template or call.path.text
        covered = rule.covers(call.method, path, call.cluster, call.caller.name, literal=not call.template)
        return "" if covered else "path, method, cluster or caller"

    def _moves_the_goalposts(self, call: Call) -> bool:
        if call.judgement.effects <= _LOOKS:
            return False
        rules = (*call.caller.rules, *self.rules)
        return (changes_tags(call) and any(rule.tags for rule in rules)) or (
            changes_pool_members(call) and any(rule.pools for rule in rules)
        )


@lru_cache(maxsize=4096)
def _covering(
    rules: tuple[Rule, ...], method: str, template: str, cluster: str, caller: str, effects: frozenset[Effect] | None
) -> tuple[Rule, ...]:
    """``effects``: those of the call; None where not all of them are known."""
    return tuple(
        rule
        for rule in rules
        if rule.covers(method, template, cluster, caller)
        and (effects is None or not rule.effects or not rule.effects.isdisjoint(effects))
    )


def _of_cause(
    cause: Cause, mode: Mode, touched: Mapping[Rule, tuple[Cause, ...]], call: Call, facts: Facts
) -> tuple[Verdict, Rule | None]:
    """What rules and mode say of one effect of a call, and the rule that says it. ``touched``: the rules that touch the
    call, from the top, each with the causes that it touches it by."""
    asks: Rule | None = None
    for rule, causes in touched.items():
        if cause not in causes:
            continue
        if rule.verdict is Verdict.DENY:
            return rule.verdict, rule
        if rule.verdict is Verdict.CONFIRM:
            asks = asks or rule
        opens = mode is not Mode.READ_ONLY or cause.effect is Effect.READ or rule.names_read()
        if opens and cause in rule.covered(call, facts):
            return (asks or rule).verdict, asks or rule
    verdict = mode_verdict(mode, cause.effect)
    return (asks.verdict, asks) if asks and verdict is not Verdict.DENY else (verdict, None)


def _of_mode(mode: Mode, causes: tuple[Cause, ...]) -> tuple[Verdict, tuple[Cause, ...], str]:
    """The strictest of what a mode says of these causes, those of which it says that, and the reason in words."""
    verdicts = [mode_verdict(mode, cause.effect) for cause in causes]
    strictest = max(verdicts, key=_STRICTNESS.__getitem__)
    by = tuple(cause for cause, verdict in zip(causes, verdicts, strict=True) if verdict is strictest)
    return strictest, by, f"{mode} mode: {_effects(by)}"


_kept_of_mode = lru_cache(maxsize=1024)(_of_mode)


def _effects(causes: Sequence[Cause]) -> str:
    return ", ".join(dict.fromkeys(cause.effect for cause in causes))


def _by(decision: Decision) -> str:
    if decision.four_eyes:
        return " by another person than the caller's own"
    return " by a person" if decision.person_only else ""


def _reason(rule: Rule) -> str:
    return f"{rule.where}: {rule.reason}" if rule.reason else rule.where
