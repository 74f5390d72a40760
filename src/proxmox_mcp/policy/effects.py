"""What one call does: the union of the effects of its endpoint, its parameters and their values.

The reviews are data (``apidoc/effects``). Whatever nobody reviewed is judged upwards at the endpoint's place, so that
a parameter of a newer Proxmox can't ride along unseen. A predicate that can't be decided, because the live state that
it needs is unknown, counts as true for the same reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.policy.predicates import PREDICATES, Asked, Facts
from proxmox_mcp.policy.values import ALIASES, members, number, property_values, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.apidoc.reviews import Condition, Review, Reviews, Target, Undo


@dataclass(frozen=True, slots=True)
class Cause:
    """One effect of a call and where it comes from. ``parameter`` is empty for the endpoint itself."""

    effect: Effect
    why: str
    parameter: str = ""


@dataclass(frozen=True)
class Judgement:
    """All effects of one call. ``reviewed`` is false where its endpoint or a parameter is not in the reviews."""

    causes: tuple[Cause, ...]
    reviewed: bool = True
    open_ended: frozenset[Target] = frozenset()
    undo: Undo | None = None
    cascade: str = ""

    @cached_property
    def effects(self) -> frozenset[Effect]:
        return frozenset(cause.effect for cause in self.causes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is judged: ``data`` are the parameters outside the path as they will be sent. ``template`` is empty where
    the schema knows no endpoint; ``facts`` is what was read of the live state."""

    method: str
    template: str
    path_params: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)


ALL_TARGETS: frozenset[Target] = frozenset({"guest", "node", "storage", "pool"})


def judge(subject: Subject, reviews: Reviews) -> Judgement:
    """Every effect of a call with its cause; nothing is weighed against anything else."""
    review = reviews.of(subject.method, subject.template) if subject.template else None
    if review is None:
        return Judgement((_unreviewed(subject.method, "nobody reviewed this endpoint"),), False, ALL_TARGETS)
    given = [(ALIASES.get(name, name), value) for name, value in subject.data.items() if value is not None]
    causes = [Cause(effect, finding.why) for finding in review.findings for effect in sorted(finding.effects)]
    unknown: list[Cause] = []
    for name, value in given:
        findings = reviews.parameter(subject.method, subject.template, name)
        if findings is None:
            unknown.append(_unreviewed(subject.method, "nobody reviewed this parameter", name))
            continue
        causes += [
            Cause(effect, finding.why, name)
            for finding in findings
            if _all_hold(finding.conditions, name, value, subject)
            for effect in sorted(finding.effects)
        ]
    causes += _by_absence(review, {name for name, _ in given}, subject)
    return Judgement(
        tuple(dict.fromkeys((*causes, *unknown))),
        not unknown,
        ALL_TARGETS if unknown else _open_ended(review, given, subject),
        review.undo,
        review.cascade,
    )


def _unreviewed(method: str, why: str, name: str = "") -> Cause:
    return Cause(Effect.INSIDE if method == "GET" else Effect.DESTROY, f"{why}: judged upwards", name)


def _by_absence(review: Review, given: set[str], subject: Subject) -> Iterator[Cause]:
    """Effects of the defaults that act because a parameter is not given."""
    for name in sorted(review.parameters.keys() - given):
        for finding in review.parameters[name]:
            by_default = any(each.test == "absent" and not (each.key or each.parameter) for each in finding.conditions)
            if by_default and _all_hold(finding.conditions, name, None, subject):
                yield from (Cause(effect, finding.why, name) for effect in sorted(finding.effects))


def _open_ended(review: Review, given: Sequence[tuple[str, object]], subject: Subject) -> frozenset[Target]:
    values = dict.fromkeys((reach.parameter for reach in review.reach), None) | dict(given)
    return frozenset(
        kind
        for reach in review.reach
        if not reach.parameter or _reaches(reach.conditions, reach.parameter, values[reach.parameter], subject)
        for kind in reach.kinds
    )


def _reaches(conditions: tuple[Condition, ...], name: str, value: object, subject: Subject) -> bool:
    return _all_hold(conditions, name, value, subject) if conditions else value is not None


def _all_hold(conditions: tuple[Condition, ...], name: str, value: object, subject: Subject) -> bool:
    return all(_holds(condition, name, value, subject) for condition in conditions)


def _holds(condition: Condition, name: str, value: object, subject: Subject) -> bool:
    if condition.parameter:
        name = condition.parameter
        value = subject.data.get(name, subject.path_params.get(name))
    if condition.test == "predicate":
        asked = Asked(name, value, subject.path_params, subject.data, subject.facts)
        return PREDICATES[condition.values[0]](asked) is not False
    if condition.key:
        found = property_values(name, value).get(condition.key, [])
        return _test(condition, found, given=bool(found))
    return _test(condition, list(texts(value)), given=value is not None)


def _test(condition: Condition, found: list[str], *, given: bool) -> bool:
    wanted = condition.values
    match condition.test:
        case "given":
            return given
        case "absent":
            return not given
        case "empty":
            return given and not any(text.strip() for text in found)
        case "equals":
            return any(number(member) in wanted for text in found for member in (text, *members(text)))
        case "differs":
            return given and not (found and all(_is_one_of(text, wanted) for text in found))
        case "matches":
            matches = _pattern(wanted[0]).fullmatch
            return any(matches(member) for text in found for member in (text, *members(text)))
        case _:
            raise AssertionError(condition.test)


def _is_one_of(text: str, wanted: tuple[str, ...]) -> bool:
    """One of these, or a list of nothing but these."""
    return text in wanted or (bool(members(text)) and all(member in wanted for member in members(text)))


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.DOTALL)
