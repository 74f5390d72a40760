"""A regular expression as an automaton that runs in linear time, for patterns that could make ``re`` hang.

Patterns come from the node's schema and values from callers, so a hostile value could block the server by
backtracking (ReDoS). Of the 82 patterns in the bundled snapshots 24 have nested or more than two unbounded repeats.
``google-re2`` is not used: it rejects some of these patterns, and has no wheels for musl (Alpine images).

It is Thompson's construction over the parse tree of ``re``; the sets of states are cached as they are found (Russ Cox,
"Regular Expression Matching Can Be Simple And Fast"). It only says whether a text matches. The parse tree is a private
part of ``re`` (``re._parser``): Python has no public one, and a parser of our own could read a pattern differently
than the ``re`` that runs all other patterns.
"""

from __future__ import annotations

import re
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Accepts = Callable[[str], bool]

MAX_STATES = 20_000
MAX_KEPT = 2_000

_START, _END, _ACCEPT = "start", "end", "accept"


class UnsupportedPatternError(ValueError):
    """The pattern needs what an automaton can't do (look-around, back-reference), or too many states."""


class Automaton:
    """Whether a pattern is found in a text, in linear time."""

    def __init__(self, pattern: str) -> None:
        """Raises UnsupportedPatternError, or ``re.error`` for an invalid pattern."""
        self._tests: list[Accepts | str | None] = []
        self._nexts: list[list[int]] = []
        self._moves: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        tree = _parser.parse(pattern)
        self._accept = self._add(_ACCEPT)
        try:
            first = self._build(list(tree), self._accept, tree.state.flags & re.IGNORECASE)
        except RecursionError as error:
            raise UnsupportedPatternError("the pattern is nested too deeply") from error
        self._initial = self._closure([first], at_start=True)
        self._later = self._closure([first])

    def search(self, text: str) -> bool:
        """Whether the pattern is found in ``text``, with the same result as ``re.search``."""
        states = self._initial
        last = len(text) - 1
        for position, character in enumerate(text):
            if position == last and character == "\n":
                states = self._closure(states, at_end=True)
            if self._accept in states:
                return True
            states = self._move(states, character)
            if not states:
                return False
        return self._accept in self._closure(states, at_end=True)

    def _move(self, states: frozenset[int], character: str) -> frozenset[int]:
        key = (states, character)
        reached = self._moves.get(key)
        if reached is None:
            targets = [
                target
                for state in states
                if callable(test := self._tests[state]) and test(character)
                for target in self._nexts[state]
            ]
            if len(self._moves) >= MAX_KEPT:
                self._moves.clear()
            reached = self._moves[key] = self._closure(targets) | self._later
        return reached

    def _closure(
        self, states: list[int] | frozenset[int], *, at_start: bool = False, at_end: bool = False
    ) -> frozenset[int]:
        """All states reachable from ``states`` without reading a character, except those that can't continue."""
        seen: set[int] = set()
        waiting = list(states)
        while waiting:
            state = waiting.pop()
            if state in seen:
                continue
            seen.add(state)
            test = self._tests[state]
            if test is None or (test is _START and at_start) or (test is _END and at_end):
                waiting.extend(self._nexts[state])
        return frozenset(state for state in seen if self._tests[state] is not None and self._tests[state] is not _START)

    def _add(self, test: Accepts | str | None, *nexts: int) -> int:
        if len(self._tests) >= MAX_STATES:
            raise UnsupportedPatternError("the pattern needs too many states")
        self._tests.append(test)
        self._nexts.append(list(nexts))
        return len(self._tests) - 1

    def _build(self, tree: list[tuple[Any, Any]], after: int, flags: int) -> int:
        """The first state of ``tree``, which continues to ``after``; built from the end."""
        for operation, argument in reversed(tree):
            after = self._build_one(operation, argument, after, flags)
        return after

    def _build_one(self, operation: Any, argument: Any, after: int, flags: int) -> int:
        if operation in {sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN}:
            return self._add(_one_character(operation, argument, flags), after)
        if operation is sre.SUBPATTERN:
            _, added, removed, inner = argument
            return self._build(list(inner), after, (flags | added) & ~removed)
        if operation is sre.BRANCH:
            return self._add(None, *(self._build(list(each), after, flags) for each in argument[1]))
        if operation in {sre.MAX_REPEAT, sre.MIN_REPEAT}:
            return self._repeat(argument, after, flags)
        if operation is sre.AT and argument in {sre.AT_BEGINNING, sre.AT_BEGINNING_STRING}:
            return self._add(_START, after)
        if operation is sre.AT and argument is sre.AT_END:
            return self._add(_END, after)
        raise UnsupportedPatternError(f"{operation} is not supported")

    def _repeat(self, argument: tuple[int, int, Any], after: int, flags: int) -> int:
        least, most, inner = argument
        tree = list(inner)
        if most is sre.MAXREPEAT:
            loop = self._add(None, after)
            self._nexts[loop].append(self._build(tree, loop, flags))
            after = loop
        else:
            leave = after
            for _ in range(most - least):
                after = self._add(None, self._build(tree, after, flags), leave)
        for _ in range(least):
            after = self._build(tree, after, flags)
        return after


def _one_character(operation: Any, argument: Any, flags: int) -> Accepts:
    """A test for one character; ``re`` itself runs it, so that classes and case are the same."""
    source = "." if operation is sre.ANY else _source(operation, argument)
    matched = re.compile(source, flags & re.IGNORECASE).fullmatch
    return lambda character: matched(character) is not None


def _source(operation: Any, argument: Any) -> str:
    if operation is sre.LITERAL:
        return _character(argument)
    if operation is sre.NOT_LITERAL:
        return f"[^{_character(argument)}]"
    return "[" + "".join(_member(kind, value) for kind, value in argument) + "]"


def _member(kind: Any, value: Any) -> str:
    if kind is sre.NEGATE:
        return "^"
    if kind is sre.LITERAL:
        return _character(value)
    if kind is sre.RANGE:
        return f"{_character(value[0])}-{_character(value[1])}"
    if kind is sre.CATEGORY:
        return _CATEGORIES[value]
    raise UnsupportedPatternError(f"{kind} is not supported")


_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}


def _character(code: int) -> str:
    return f"\\U{code:08x}"
