"""Translates Perl patterns of the schema to Python, and runs them safely.

Proxmox tests ``$value =~ m/^$pattern$/``: the anchors are added as text, so in ``a|b`` each alternative is anchored on
one side only, and ``$`` also matches before a final newline. A pattern that could backtrack for too long on a hostile
value (ReDoS) is run by ``Automaton`` in linear time. A pattern that neither supports is not checked: a false refusal is
worse than a doubt.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.validation.automaton import Automaton, UnsupportedPatternError
from proxmox_mcp.apidoc.validation.perl import SPACE, perl_equivalent

if TYPE_CHECKING:
    from collections.abc import Callable

    Matches = Callable[[str], object]

SHORT = 256
"""If a pattern may take quadratic time, values up to this length are still matched by ``re``, which is faster."""

NARROW = 16
"""A repeat with at most this many different lengths counts as constant."""

_SEES_OTHERWISE = re.compile(r"\\[wWbB]|\(\?i:")
"""Parts of a translated pattern that Perl and Python treat differently for non-ASCII text."""

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
    """A test (result true or false) for Perl's ``^pattern$``; None if the pattern is not supported."""
    return searched(f"^{pattern}$")


@lru_cache(maxsize=1024)
def searched(pattern: str) -> Matches | None:
    """A test for a Perl pattern anywhere in a value; None if the pattern is not supported."""
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
        return _with_perl_classes(find) if _SEES_OTHERWISE.search(translated) else find
    automaton = _Lazy(translated)
    if nested or wide > 2:
        return automaton if automaton.is_supported() else None

    short = _with_perl_classes(find)
    return lambda value: short(value) if len(value) <= SHORT else automaton(value)


def _with_perl_classes(find: Matches) -> Matches:
    return lambda value: find(value if value.isascii() else perl_equivalent(value))


class _Lazy:
    """An automaton that is built on first use. If the pattern is not supported, it accepts every value."""

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
        return self._made is None or self._made.search(perl_equivalent(value))


def _wide_repeats(tree: Any) -> int:
    """How many unbounded repeats a pattern has: the exponent of the time that backtracking may take."""
    return sum(
        (operation in _REPEATS and argument[1] - argument[0] > NARROW) + sum(map(_wide_repeats, _inner(argument)))
        for operation, argument in tree
    )


def _is_nested(tree: Any) -> bool:
    """Whether a repeated part can itself match in several ways, which may take exponential time."""
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
    """The patterns inside one part of a parse tree."""
    if isinstance(argument, _parser.SubPattern):
        return [argument]
    if isinstance(argument, list | tuple):
        return [each for part in argument for each in _inner(part)]
    return []


def translate(pattern: str) -> str:
    """Translate a Perl pattern to Python: ``(?^:`` and its flags, Perl's classes of blanks, POSIX classes.

    Raises ValueError for what Python has no equivalent of.
    """
    out: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(pattern):
        if (flags := token["flags"]) is not None and not depth:
            out.append("(?i:" if "i" in flags else "(?-i:")
            if set(flags) - set("iua"):
                raise ValueError(f"unknown flags {flags}")
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
            raise ValueError(f"\\{character} in a class has no equivalent")
        return f"[^{spaces}]"
    if not in_class and character in _ANCHORS:
        return _ANCHORS[character]
    if character.isalpha() and character not in _SAME:
        raise ValueError(f"\\{character} has no equivalent")
    return f"\\{character}"
