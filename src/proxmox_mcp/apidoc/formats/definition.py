"""The definition of a named format: a test, and a description of what passes it."""

# Tested through tests/apidoc/formats/test_formats.py.

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from proxmox_mcp.apidoc.validation.patterns import searched

if TYPE_CHECKING:
    from collections.abc import Callable


class Format(NamedTuple):
    """``passes`` tests whether Proxmox accepts a text; ``wanted`` describes what it accepts, for the end of a sentence;
    ``member`` tests one element of a list."""

    passes: Callable[[str], object]
    wanted: str
    member: Callable[[str], object] | None = None


def pattern_format(pattern: str, wanted: str, *, shortest: int = 0, longest: int | None = None) -> Format:
    """A format defined by a Perl pattern, anchored as Proxmox does, and by its length in characters."""
    matches = perl_search(f"^{pattern}$")
    if not shortest and longest is None:
        return Format(matches, wanted)
    most = float("inf") if longest is None else longest

    def passes(text: str) -> object:
        return shortest <= len(text) <= most and matches(text)

    return Format(passes, wanted)


def perl_search(pattern: str) -> Callable[[str], object]:
    """A test for a Perl pattern anywhere in a text, compiled when it is first used.

    A call needs few of the fifty patterns that the formats have: to compile all of them takes as long as the rest of
    a first check. ValueError for an unsupported pattern is raised by the first use.
    """
    return lambda text: _searched(pattern)(text)


def fullmatch(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """What matches a whole text by a Python pattern, compiled when it is first used."""
    return lambda text: compiled(pattern).fullmatch(text)


@cache
def _searched(pattern: str) -> Callable[[str], object]:
    found = searched(pattern)
    if found is None:
        raise ValueError(f"unsupported pattern {pattern}")
    return found


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A Python pattern, compiled when it is first asked for."""
    return re.compile(pattern)


def one_of(*names: str) -> Format:
    """A format with a few fixed values."""
    return Format(frozenset(names).__contains__, f"one of {', '.join(names)}")


def any_of(wanted: str, *formats: Format) -> Format:
    """A format that accepts what any of several formats accepts."""
    tests = tuple(each.passes for each in formats)
    return Format(lambda text: any(passes(text) for passes in tests), wanted)
