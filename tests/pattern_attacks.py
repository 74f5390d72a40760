"""Texts made from the parts of a regular expression, under which it may take more than linear time."""

from __future__ import annotations

import re
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_REPEATS = 16
_CHARACTERS = "a0 -_./:@=,;A\t\n\"'{[(<*|%#+!~\\é"
_ENDS = ("", "\0!\n ")


def shortest_match(pattern: re.Pattern[str]) -> int:
    """The fewest characters that a pattern matches."""
    least: int = _parser.parse(pattern.pattern).getwidth()[0]
    return least


def attacks(pattern: re.Pattern[str]) -> list[tuple[str, str, str]]:
    """Texts as start, what is repeated, and end, made so that parts of the pattern fit over and over, and all fails."""
    tree = _parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, str) else 0)
    made: dict[tuple[str, str], None] = {}
    for before, body in _pumps(list(tree), ""):
        made[before, body] = None
        made["\0", body] = None
        made["", before + body] = None
        if before:
            made["", before] = None
    for character in sorted(set(pattern.pattern) - set("\\")):
        made["", character] = None
    return [(start, body, end) for start, body in made if body for end in _ENDS]


def _pumps(tree: list[Any], before: str) -> Iterator[tuple[str, str]]:
    """Each part that may repeat, with a text of what stands before it."""
    for position, (operation, argument) in enumerate(tree):
        so_far = before + _text(tree[:position])
        if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            if argument[1] > _MOST_REPEATS:
                for body in _texts(list(argument[2])):
                    yield so_far, body
            yield from _pumps(list(argument[2]), so_far)
        elif operation is sre.SUBPATTERN:
            yield from _pumps(list(argument[3]), so_far)
        elif operation is sre.ATOMIC_GROUP:
            yield from _pumps(list(argument), so_far)
        elif operation is sre.BRANCH:
            for each in argument[1]:
                yield from _pumps(list(each), so_far)
        elif operation in (sre.ASSERT, sre.ASSERT_NOT):
            yield from _pumps(list(argument[1]), so_far)


def _texts(tree: list[Any]) -> list[str]:
    """A few texts that fit, differing in their first character."""
    first = next((_characters(operation, argument) for operation, argument in tree[:1]), [])
    return [each + _text(tree[1:]) for each in first[:3]] or [_text(tree)]


def _text(tree: list[Any]) -> str:
    """A text that fits, of the least there is but one of what may be absent."""
    return "".join(_one(operation, argument) for operation, argument in tree)


def _one(operation: Any, argument: Any) -> str:
    if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        return _text(list(argument[2])) * int(min(max(1, argument[0]), argument[1]))
    if operation is sre.SUBPATTERN:
        return _text(list(argument[3]))
    if operation is sre.ATOMIC_GROUP:
        return _text(list(argument))
    if operation is sre.BRANCH:
        return _text(list(argument[1][0]))
    return (_characters(operation, argument) or [""])[0]


def _characters(operation: Any, argument: Any) -> list[str]:
    if operation is sre.LITERAL:
        return [chr(argument)]
    if operation is sre.ANY:
        return ["a", " "]
    if operation is sre.NOT_LITERAL:
        return [each for each in _CHARACTERS if each != chr(argument)]
    if operation is sre.IN:
        listed = [chr(value) for kind, value in argument if kind is sre.LITERAL]
        listed += [chr(value[0]) for kind, value in argument if kind is sre.RANGE]
        return [each for each in (*_CHARACTERS, *listed) if _takes(argument, each)]
    return []


def _takes(members: list[Any], character: str) -> bool:
    found = negated = False
    for kind, value in members:
        if kind is sre.NEGATE:
            negated = True
        elif kind is sre.LITERAL:
            found = found or ord(character) == value
        elif kind is sre.RANGE:
            found = found or value[0] <= ord(character) <= value[1]
        elif kind is sre.CATEGORY:
            found = found or re.match(_CLASSES[value], character) is not None
    return found != negated


_CLASSES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}
