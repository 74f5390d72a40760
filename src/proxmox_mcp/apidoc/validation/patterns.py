"""Perl patterns of the schema as Python's, without their dangers.

Proxmox tests ``$value =~ m/^$pattern$/``: the anchors are text around the pattern, so that a bare ``a|b`` is anchored
on one side of each, and ``$`` lets one newline pass. A pattern that could take long on a hostile value is run by an
automaton in linear time instead; one that neither can take is not judged.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.validation.automaton import Automaton, UnsupportedPatternError
from proxmox_mcp.apidoc.validation.perl import SPACE, view

if TYPE_CHECKING:
    from collections.abc import Callable

    Matches = Callable[[str], object]

SHORT = 256
"""Where a pattern may cost the square of a value's length, values up to this length are left to ``re``."""

NARROW = 16
"""A repeat that can take no more than this many lengths is taken for a constant."""

_SEES_OTHERWISE = re.compile(r"\\[wWbB]|\(\?i:")
"""What of a translated pattern Perl and Python read differently beyond ASCII."""

_TOKEN = re.compile(
    r"\(\?\^(?P<flags>[a-z]*):"
    r"|\\(?P<escaped>.)"
    r"|(?P<posix>\[:\^?[a-z]+:\])"
    r"|(?P<bracket>[\[\]])"
    r"|[^\\\[\]()]+|.",
    re.DOTALL,
)
_SPACES = {"s": SPACE, "h": r"\t \xa0\u1680\u2000-\u200a\u202f\u205f\u3000", "v": r"\n-\r\x85\u2028\u2029"}
_ANCHORS = {"z": r"\Z", "Z": "$"}
_POSIX = {"digit": r"\d", "word": r"\w", "xdigit": "0-9a-fA-F", "space": SPACE}
_SAME = frozenset("AbBdDwWtnrfax")
_REPEATS = frozenset({sre.MAX_REPEAT, sre.MIN_REPEAT})


def anchored(pattern: str) -> Matches | None:
    """A test (true or false in Python's sense) for ``^pattern$`` in Perl's; None where it can't be judged here."""
    return searched(f"^{pattern}$")


@lru_cache(maxsize=1024)
def searched(pattern: str) -> Matches | None:
    """A test for a Perl pattern anywhere in a value; None where it can't be judged here."""
    try:
        translated = translate(pattern)
        find = re.compile(translated).search
        tree = _parser.parse(translated)
        wide, nested = _wide_repeats(tree), _is_nested(tree)
    except (re.error, ValueError, RecursionError, OverflowError):
        return None
    if any(operation is sre.BRANCH for operation, _ in tree):
        wide += 1
    if wide <= 1 and not nested:
        return _with_view(find) if _SEES_OTHERWISE.search(translated) else find
    automaton = _Lazy(translated)
    if nested or wide > 2:
        return automaton if automaton.is_supported() else None

    short = _with_view(find)
    return lambda value: short(value) if len(value) <= SHORT else automaton(value)


def _with_view(find: Matches) -> Matches:
    return lambda value: find(value if value.isascii() else view(value))


class _Lazy:
    """An automaton made when it is first asked. It takes all that it can't judge."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._made: Automaton | None = None

    def is_supported(self) -> bool:
        try:
            self._made = self._made or Automaton(self._pattern)
        except UnsupportedPatternError:
            return False
        return True

    def __call__(self, value: str) -> bool:
        if self._made is None and not self.is_supported():
            return True
        return self._made is None or self._made.search(view(value))


def _wide_repeats(tree: Any) -> int:
    """How many parts of a pattern can take many lengths: the degree of what backtracking may cost."""
    return sum(
        (operation in _REPEATS and argument[1] - argument[0] > NARROW) + sum(map(_wide_repeats, _inner(argument)))
        for operation, argument in tree
    )


def _is_nested(tree: Any) -> bool:
    """Whether a repeated part can itself be taken in several ways, which may cost exponential time."""
    return any(
        (operation in _REPEATS and argument[1] - argument[0] > 1 and any(map(_is_ambiguous, _inner(argument))))
        or any(map(_is_nested, _inner(argument)))
        for operation, argument in tree
    )


def _is_ambiguous(tree: Any) -> bool:
    return any(
        operation is sre.BRANCH
        or (operation in _REPEATS and argument[0] != argument[1])
        or any(map(_is_ambiguous, _inner(argument)))
        for operation, argument in tree
    )


def _inner(argument: Any) -> list[Any]:
    """The patterns within one part of a parse tree."""
    if isinstance(argument, _parser.SubPattern):
        return [argument]
    if isinstance(argument, list | tuple):
        return [each for part in argument for each in _inner(part)]
    return []


def translate(pattern: str) -> str:
    """A Perl pattern in Python's dialect: ``(?^:`` and its flags, Perl's classes of blanks, POSIX classes.

    Raises ValueError for what has no counterpart.
    """
    out: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(pattern):
        if (flags := token["flags"]) is not None and not depth:
            out.append("(?i:" if "i" in flags else "(?-i:")
            if set(flags) - set("iua"):
                raise ValueError(f"the flags {flags} are not known")
        elif escaped := token["escaped"]:
            out.append(_escaped(escaped, in_class=depth > 0))
        elif depth and (posix := token["posix"]):
            out.append(_POSIX[posix.strip("[:]")])
        else:
            text = token[0]
            if text == "[" and not depth:
                depth = 1
            elif text == "]":
                depth = 0
            elif text.startswith("[") and depth:
                text = "\\["
            out.append(text)
    return "".join(out)


def _escaped(character: str, *, in_class: bool) -> str:
    if spaces := _SPACES.get(character):
        return spaces if in_class else f"[{spaces}]"
    if (spaces := _SPACES.get(character.lower())) and character.isupper():
        if in_class:
            raise ValueError(f"\\{character} in a class has no counterpart")
        return f"[^{spaces}]"
    if not in_class and character in _ANCHORS:
        return _ANCHORS[character]
    if character.isalpha() and character not in _SAME:
        raise ValueError(f"\\{character} has no counterpart")
    return f"\\{character}"
