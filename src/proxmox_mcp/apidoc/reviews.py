"""What is said of a call once it was reviewed: its effects, how it is undone, what it may hit.

``apidoc.effects`` reads it from the files of ``apidoc/effects``; ``policy.effects`` judges calls by it.
"""

# Tested through tests/apidoc/test_effects.py and tests/policy/test_effects.py.

from __future__ import annotations

import re
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Effect(StrEnum):
    """What a call does, mildest first: the order in which a statement lists them, not a ranking."""

    READ = "read"
    INSIDE = "inside"
    OUTREACH = "outreach"
    CHANGE = "change"
    DISRUPT = "disrupt"
    DESTROY = "destroy"
    EXECUTE = "execute"
    ACCESS = "access"
    EXPOSE = "expose"


UndoKind = Literal["restore", "delete-created", "create-again", "revert", "reverse", "none"]
Target = Literal["guest", "node", "storage", "pool"]
Test = Literal["equals", "differs", "matches", "empty", "absent", "given", "predicate"]


class Condition(Struct, frozen=True):
    """One test of a value. ``parameter`` is empty for the parameter of the line, else another of the same call;
    ``key`` names a key of a property string, empty for the whole value.

    ``values`` holds the texts of ``equals`` and ``differs``, the pattern of ``matches``, the name of ``predicate``.
    """

    test: Test
    key: str = ""
    values: tuple[str, ...] = ()
    parameter: str = ""


class Finding(Struct, frozen=True):
    """Effects and the reason for them. They apply where every condition holds. ``for_good``: what it destroys does not
    come back with the values that an undo restores."""

    effects: frozenset[Effect]
    why: str
    conditions: tuple[Condition, ...] = ()
    for_good: bool = False

    def is_for_good(self, effect: Effect) -> bool:
        """Whether this is the effect that no undo takes back; the others of a finding come back with the values."""
        return self.for_good and effect is Effect.DESTROY


class Reach(Struct, frozen=True):
    """Kinds of targets of which a call may hit more than it names, where a parameter is as the conditions say.
    ``parameter`` is empty where it always may."""

    kinds: frozenset[Target]
    parameter: str = ""
    conditions: tuple[Condition, ...] = ()


class Undo(Struct, frozen=True):
    """How a call is undone. ``how`` is the way, or for ``none`` the reason; ``lost`` what does not come back."""

    kind: UndoKind
    how: str
    lost: str = ""


class Review(Struct, frozen=True, eq=False):
    """What was reviewed of one endpoint. ``undo`` is None for reads; ``reach`` says of which kinds of targets the call
    may hit more than it names."""

    area: str
    findings: tuple[Finding, ...]
    parameters: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    undo: Undo | None = None
    cascade: str = ""
    reach: tuple[Reach, ...] = ()


class Reviews(Struct, frozen=True, dict=True):
    """All reviews, by ``call_key``, and the parameters that mean the same everywhere, by method."""

    calls: Mapping[str, Review]
    shared: Mapping[str, Mapping[str, tuple[Finding, ...]]]

    @cached_property
    def templates(self) -> frozenset[str]:
        """The paths of all reviewed calls, ``{}`` for each parameter: those of every bundled version."""
        return frozenset(call.partition(" ")[2] for call in self.calls)

    def of(self, method: str, template: str) -> Review | None:
        """The review of an endpoint of any version; None where nobody reviewed it."""
        return self.calls.get(call_key(method, template))

    def parameter(self, method: str, template: str, name: str) -> tuple[Finding, ...] | None:
        """What was found about a parameter, ``scsi3`` by its name in the schema ``scsi[n]``. None: not reviewed."""
        review, shared = self.calls.get(call_key(method, template)), self.shared.get(method, {})
        own = review.parameters if review else {}
        for known in (name, indexed_name(name)):
            if (found := own.get(known, shared.get(known))) is not None:
                return found
        return None


LONGEST_TEMPLATE = 200
"""Characters of a path that work is kept for: a longer one is a caller's, and no endpoint's."""


def call_key(method: str, template: str) -> str:
    """``GET /nodes/{}``: an endpoint whatever its path parameters are named, which differs between versions."""
    return f"{method} {_unnamed(template) if len(template) <= LONGEST_TEMPLATE else template}"


@lru_cache(maxsize=4096)
def _unnamed(template: str) -> str:
    return re.sub(r"{[^{}]*}", "{}", template)


_CHOICES = re.compile(r"\(([^()]*)\)")


def alternatives(written: str) -> Iterator[str]:
    """The paths behind ``/cluster/(a|b/{id})``."""
    left = [written]
    while left:
        text = left.pop()
        innermost = _CHOICES.search(text) if "(" in text else None
        if innermost is None:
            yield text
        else:
            before, after = text[: innermost.start()], text[innermost.end() :]
            left += [f"{before}{choice}{after}" for choice in reversed(innermost[1].split("|"))]


def indexed_name(name: str) -> str:
    """The name in the schema of an indexed parameter: ``scsi[n]`` for ``scsi3``; any other name is itself."""
    stem = name.rstrip("0123456789")
    return f"{stem}[n]" if stem != name else name
