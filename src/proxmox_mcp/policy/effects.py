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

from proxmox_mcp.apidoc.effects import Condition, Effect, Finding, Review, Reviews, indexed_name
from proxmox_mcp.policy.predicates import PREDICATES, Facts, members, property_values, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc.effects import Target, Undo


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
    facts: Facts = Facts()


ALL_TARGETS: frozenset[Target] = frozenset({"guest", "node", "storage", "pool"})
ALIASES = {"cdrom": "ide2"}
"""Parameters that Proxmox takes for another: ``PVE::QemuServer::Drive``."""


def judge(subject: Subject, reviews: Reviews) -> Judgement:
    """Every effect of a call with its cause; nothing is weighed against anything else."""
    review = reviews.of(subject.method, subject.template) if subject.template else None
    if review is None:
        return Judgement((_unreviewed(subject.method, "nobody reviewed this endpoint"),), False, ALL_TARGETS)
    causes = [Cause(effect, finding.why) for finding in review.findings for effect in sorted(finding.effects)]
    unknown: list[Cause] = []
    given = {ALIASES.get(name, name): value for name, value in subject.data.items() if value is not None}
    for name, value in given.items():
        findings = reviews.parameter(subject.method, subject.template, name)
        if findings is None:
            unknown.append(_unreviewed(subject.method, "nobody reviewed this parameter", name))
            continue
        causes += [
            Cause(effect, finding.why, name)
            for finding in findings
            if _applies(finding, name, value, subject)
            for effect in sorted(finding.effects)
        ]
    causes += _by_absence(review, given, subject)
    return Judgement(
        tuple(dict.fromkeys((*causes, *unknown))),
        not unknown,
        ALL_TARGETS if unknown else review.open_ended,
        review.undo,
        review.cascade,
    )


def _unreviewed(method: str, why: str, name: str = "") -> Cause:
    return Cause(Effect.INSIDE if method == "GET" else Effect.DESTROY, f"{why}: judged upwards", name)


def _by_absence(review: Review, given: Mapping[str, Any], subject: Subject) -> list[Cause]:
    """Effects of the defaults that act because a parameter is not given."""
    names = {name if "[n]" not in name else "" for name in review.parameters} - {""} - given.keys()
    return [
        Cause(effect, finding.why, name)
        for name in sorted(names)
        for finding in review.parameters[name]
        if any(each.test == "absent" and not each.key for each in finding.conditions)
        and _applies(finding, name, None, subject)
        for effect in sorted(finding.effects)
    ]


def _applies(finding: Finding, name: str, value: object, subject: Subject) -> bool:
    return all(_holds(condition, name, value, subject) for condition in finding.conditions)


def _holds(condition: Condition, name: str, value: object, subject: Subject) -> bool:
    if condition.parameter:
        name, value = condition.parameter, subject.data.get(condition.parameter)
    if condition.test == "predicate":
        decided = PREDICATES[condition.values[0]](name, value, subject.path_params, subject.data, subject.facts)
        return decided is not False
    if condition.key:
        found = property_values(value).get(condition.key)
        return _test(condition, [] if found is None else [found], given=found is not None)
    return _test(condition, list(texts(value)), given=value is not None)


def _test(condition: Condition, found: list[str], *, given: bool) -> bool:
    match condition.test:
        case "given":
            return given
        case "absent":
            return not given
        case "empty":
            return given and not any(text.strip() for text in found)
        case "equals":
            return any(member in condition.values for text in found for member in {text, *members(text)})
        case "differs":
            return given and not any(text in condition.values for text in found)
        case "matches":
            matches = _pattern(condition.values[0]).fullmatch
            return any(matches(member) for text in found for member in (text, *members(text)))
        case _:
            raise AssertionError(condition.test)


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


__all__ = ["ALIASES", "Cause", "Facts", "Judgement", "Subject", "indexed_name", "judge"]
