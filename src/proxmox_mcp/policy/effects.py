"""What one call does: the union of the effects of its endpoint, its parameters and their values.

The reviews are data (``apidoc/effects``). Whatever nobody reviewed is judged upwards at the endpoint's place, so that
a parameter of a newer Proxmox can't ride along unseen. A predicate that can't be decided, because the live state that
it needs is unknown, counts as true for the same reason.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.policy.predicates import FACTS_OF, PREDICATES, UNKNOWN, Fact, GivenParameter, LiveFacts
from proxmox_mcp.policy.values import ALIASES, list_members, members, number, property_values, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from proxmox_mcp.apidoc.reviews import Condition, Finding, Reach, Review, Reviews, Target, Undo
    from proxmox_mcp.policy.call import Call


class Cause(Struct, frozen=True):
    """One effect of a call and where it comes from. ``parameter`` is empty for the endpoint itself. ``for_good``: it
    destroys what no undo brings back."""

    effect: Effect
    why: str
    parameter: str = ""
    for_good: bool = False

    def __str__(self) -> str:
        """``destroy (scsi0: deletes the volume)``."""
        return f"{self.effect} ({self.parameter}: {self.why})" if self.parameter else f"{self.effect} ({self.why})"


class Judgement(Struct, frozen=True, dict=True):
    """All effects of one call. ``reviewed`` is false where its endpoint or a parameter is not in the reviews."""

    causes: tuple[Cause, ...]
    reviewed: bool = True
    open_ended: frozenset[Target] = frozenset()
    undo: Undo | None = None
    cascade: str = ""

    @cached_property
    def effects(self) -> frozenset[Effect]:
        return frozenset(cause.effect for cause in self.causes)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The effects in their order, for records and programs."""
        return tuple(str(effect) for effect in Effect if effect in self.effects)

    @property
    def destroys_for_good(self) -> bool:
        """Whether something goes that does not come back with what an undo restores."""
        return any(cause.for_good for cause in self.causes)

    def relieved(self) -> Judgement:
        """The same of a call that can be undone whole: it changes what it would destroy, and every other effect stays.

        As it is where nobody reviewed all of it, where the review knows no way back, and where it destroys for good.
        """
        if not self.reviewed or self.undo is None or self.undo.kind == "none" or self.destroys_for_good:
            return self
        causes = (
            replace(cause, effect=Effect.CHANGE) if cause.effect is Effect.DESTROY else cause for cause in self.causes
        )
        return replace(self, causes=tuple(dict.fromkeys(causes)))

    def of(self, effects: Collection[Effect]) -> tuple[Cause, ...]:
        """What brings about one of these effects."""
        return tuple(cause for cause in self.causes if cause.effect in effects)


_MOST_TOLD = 6
"""Causes in a message of one line."""


def several(causes: Sequence[Cause]) -> str:
    """Causes in one line: ``destroy (deletes), access (serial0: hands a serial device to the guest)``."""
    told = ", ".join(map(str, causes[:_MOST_TOLD]))
    return f"{told} and {len(causes) - _MOST_TOLD} more" if len(causes) > _MOST_TOLD else told


ALL_TARGETS: frozenset[Target] = frozenset({"guest", "node", "storage", "pool"})
NOT_JUDGED = Judgement(tuple(Cause(effect, "not judged yet") for effect in Effect), False, ALL_TARGETS)
"""Before a call is judged it counts as everything."""


def judgement_of(call: Call, reviews: Reviews, facts: LiveFacts = UNKNOWN) -> Judgement:
    """Every effect of a call with its cause; nothing is weighed against anything else.

    Of the call it takes method, template (empty where the schema knows no endpoint), path parameters and data.
    """
    review = reviews.of(call.method, call.template) if call.template else None
    if review is None:
        return Judgement(tuple(_of_unknown_endpoint(call)), False, ALL_TARGETS)
    acting = _acting(review)
    if acting.alone is not None and not call.data and acting.parameters.keys().isdisjoint(call.path_params):
        return acting.alone
    causes = list(acting.causes)
    causes += [
        Cause(effect, finding.why, asked.name, finding.is_for_good(effect))
        for finding, asked in _of_parameters(call, acting, reviews, facts)
        if _all_hold(finding.conditions, asked)
        for effect in sorted(finding.effects)
    ]
    runs = any(cause.effect is Effect.EXECUTE for cause in causes)
    unknown = [
        Cause(_upwards(call.method), "nobody reviewed this parameter: judged upwards", name)
        for name, _ in _given(call)
        if reviews.parameter(call.method, call.template, name) is None and not (runs and name in _CARRIED)
    ]
    unknown += [
        Cause(Effect.DESTROY, f"nobody reviewed {name}, which is unset: judged upwards", "delete")
        for name in _unset(call)
        if reviews.parameter(call.method, call.template, name) is None
    ]
    if not causes and not unknown:
        unknown = [Cause(_upwards(call.method), "nothing that is given says what the call does: judged upwards")]
    return Judgement(
        tuple(dict.fromkeys((*causes, *unknown))),
        not unknown,
        ALL_TARGETS if unknown else _open_ended(call, review, facts),
        review.undo,
        review.cascade,
    )


def needed(call: Call, reviews: Reviews) -> frozenset[Fact]:
    """The live facts that decide about an effect of this call; none for nearly all calls."""
    review = reviews.of(call.method, call.template) if call.template else None
    if review is None:
        return frozenset()
    return frozenset(
        fact
        for finding, asked in _of_parameters(call, _acting(review), reviews, UNKNOWN)
        if _all_hold(finding.conditions, asked)
        for condition in finding.conditions
        if condition.test == "predicate" and PREDICATES[condition.values[0]](asked) is None
        for fact in FACTS_OF[condition.values[0]]
    )


class _Acting(Struct, frozen=True):
    """What of a review has an effect, as each call of the endpoint needs it.

    ``defaults`` act where their parameter is not given. ``alone``: the judgement of a call without any parameter, None
    where it depends on defaults or on names in the path.
    """

    causes: tuple[Cause, ...]
    parameters: Mapping[str, tuple[Finding, ...]]
    defaults: Mapping[str, tuple[Finding, ...]]
    alone: Judgement | None


@lru_cache(maxsize=2048)
def _acting(review: Review) -> _Acting:
    causes = tuple(
        Cause(effect, finding.why, for_good=finding.is_for_good(effect))
        for finding in review.findings
        for effect in sorted(finding.effects)
    )
    parameters = _those(review.parameters, lambda finding: bool(finding.effects))
    defaults = _those(parameters, _is_of_default)
    alone = None
    if causes and not defaults and not any(reach.parameter for reach in review.reach):
        kinds = frozenset(kind for reach in review.reach for kind in reach.kinds)
        alone = Judgement(tuple(dict.fromkeys(causes)), True, kinds, review.undo, review.cascade)
    return _Acting(causes, parameters, defaults, alone)


def _those(
    parameters: Mapping[str, tuple[Finding, ...]], wanted: Callable[[Finding], bool]
) -> dict[str, tuple[Finding, ...]]:
    """The findings that are wanted, by their parameter in the order of names; no parameter without any."""
    found = {name: tuple(filter(wanted, parameters[name])) for name in sorted(parameters)}
    return {name: findings for name, findings in found.items() if findings}


def _is_of_default(finding: Finding) -> bool:
    return any(each.test == "absent" and not (each.key or each.parameter) for each in finding.conditions)


def _of_parameters(
    call: Call, acting: _Acting, reviews: Reviews, facts: LiveFacts
) -> Iterator[tuple[Finding, GivenParameter]]:
    """What was found about the parameters that are given, and about the defaults that act because one is not.

    A parameter that is given by two of its names counts with both values: which one Proxmox VE takes is its business.
    """
    given = tuple(_given(call))
    names = {name for name, _ in given} | call.path_params.keys()
    for name, value in given:
        asked = GivenParameter(name, value, call.path_params, call.data, facts)
        for finding in reviews.parameter(call.method, call.template, name) or ():
            if finding.effects:
                yield finding, asked
    for name, text in call.path_params.items():
        for finding in acting.parameters.get(name, ()):
            yield finding, GivenParameter(name, text, call.path_params, call.data, facts)
    for name, findings in acting.defaults.items():
        if name not in names:
            for finding in findings:
                yield finding, GivenParameter(name, None, call.path_params, call.data, facts)


def _given(call: Call) -> Iterator[tuple[str, object]]:
    return ((ALIASES.get(name, name), value) for name, value in call.data.items() if value is not None)


def _unset(call: Call) -> list[str]:
    """The parameters that ``delete`` names. Where it is a switch, or holds numbers, it names none."""
    return [ALIASES.get(name, name) for name in list_members(call.data.get("delete")) if not name.isdigit()]


_CARRIED = frozenset({"command", "input-data", "input-bytes"})
"""What a command in a guest adds to the call that carries it (``gateway.guest_command``), and Proxmox VE never gets:
the endpoint's own ``execute`` is about them."""


def _upwards(method: str) -> Effect:
    return Effect.INSIDE if method == "GET" else Effect.DESTROY


def _of_unknown_endpoint(call: Call) -> Iterator[Cause]:
    why = "nobody reviewed this endpoint: judged upwards"
    yield Cause(_upwards(call.method), why)
    if call.method != "GET" and (call.template or call.path.text).startswith("/access"):
        yield Cause(Effect.ACCESS, why)


def _open_ended(call: Call, review: Review, facts: LiveFacts) -> frozenset[Target]:
    given = {**call.path_params, **dict(_given(call))}
    return frozenset(
        kind
        for reach in review.reach
        if not reach.parameter
        or _reaches(
            reach, GivenParameter(reach.parameter, given.get(reach.parameter), call.path_params, call.data, facts)
        )
        for kind in reach.kinds
    )


def _reaches(reach: Reach, asked: GivenParameter) -> bool:
    return _all_hold(reach.conditions, asked) if reach.conditions else asked.value is not None


def _all_hold(conditions: tuple[Condition, ...], asked: GivenParameter) -> bool:
    return all(_holds(condition, asked) for condition in conditions)


def _holds(condition: Condition, asked: GivenParameter) -> bool:
    if condition.parameter:
        other = condition.parameter
        asked = asked.about(other, asked.data.get(other, asked.path_params.get(other)))
    if condition.test == "predicate":
        return PREDICATES[condition.values[0]](asked) is not False
    if condition.key:
        found = property_values(asked.name, asked.value).get(condition.key, [])
        return _test(condition, found, given=bool(found))
    return _test(condition, list(texts(asked.value)), given=asked.value is not None)


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
