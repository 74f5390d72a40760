"""How a named format is described: a test, and words for what passes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxmox_mcp.apidoc.validation.patterns import anchored

if TYPE_CHECKING:
    from collections.abc import Callable


class Format(NamedTuple):
    """``passes`` tells whether Proxmox takes a text, ``wanted`` says what it takes, to end a sentence with; ``member``
    tells it of each element of a list."""

    passes: Callable[[str], object]
    wanted: str
    member: Callable[[str], object] | None = None


def shape(pattern: str, wanted: str, *, shortest: int = 0, longest: int | None = None) -> Format:
    """A format that is one Perl pattern, anchored as Proxmox anchors it, and lengths in characters."""
    matches = anchored(pattern)
    if matches is None:
        raise ValueError(f"{pattern} can't be judged")
    if not shortest and longest is None:
        return Format(matches, wanted)
    most = float("inf") if longest is None else longest

    def passes(text: str) -> object:
        return shortest <= len(text) <= most and matches(text)

    return Format(passes, wanted)


def one_of(*names: str) -> Format:
    """A format that is one of a few fixed texts."""
    return Format(frozenset(names).__contains__, f"one of {', '.join(names)}")


def any_of(wanted: str, *formats: Format) -> Format:
    """A format that takes what any of several takes."""
    tests = tuple(each.passes for each in formats)
    return Format(lambda text: any(passes(text) for passes in tests), wanted)
