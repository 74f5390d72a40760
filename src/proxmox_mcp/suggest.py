"""What was probably meant by a misspelt name: of paths, parameters, values, fields, commands, settings, guests ..."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SIMILAR = 0.5
"""From this likeness on a name is suggested: one wrong letter of two, or half of a long name."""
CLOSE = 0.8
"""For names that may well be others' own, such as environment variables: one wrong letter of five."""
_LONGEST = 64
"""Characters that are compared. The work grows with their square, and names of guests and callers are of any length."""
_SHORTLIST = 12
_CONTAINED = 0.6
_SHORTEST_PART = 3


def did_you_mean(name: str, names: Iterable[str], most: int = 3, *, threshold: float = SIMILAR, quote: str = "") -> str:
    """The question ``Did you mean a or b?`` with the most similar names; empty where none is similar."""
    found = [f"{quote}{each}{quote}" for each in similar(name, names, most, threshold=threshold)]
    return f"Did you mean {' or '.join(found)}?" if found else ""


def similar(name: str, names: Iterable[str], most: int = 3, *, threshold: float = SIMILAR) -> list[str]:
    """Up to ``most`` of ``names`` that ``name`` may stand for, the most similar first.

    Upper and lower case are the same letter, so are ``-`` and ``_``.
    """
    wanted = _folded(name)
    pairs = _letter_pairs(wanted)
    comparable = {each: _comparable(each, wanted) for each in names}
    rough = sorted(((_overlap(pairs, wanted, folded), each) for each, folded in comparable.items()), reverse=True)
    close = [(_likeness(wanted, comparable[each]), rank, each) for rank, (_, each) in enumerate(rough[:_SHORTLIST])]
    close.sort(key=lambda found: (-found[0], found[1]))
    return [each for likeness, _, each in close if likeness >= threshold][:most]


def _folded(name: str) -> str:
    return name[:_LONGEST].lower().replace("_", "-")


def _comparable(name: str, wanted: str) -> str:
    """A name as it is compared: a volume may be meant without its storage and folder (``local:iso/debian.iso``)."""
    folded = _folded(name if "/" in wanted else name.rpartition("/")[2])
    return folded or _folded(name)


def _letter_pairs(name: str) -> set[str]:
    return {first + second for first, second in pairwise(f" {name} ")}


def _overlap(pairs: set[str], wanted: str, name: str) -> float:
    """A quick estimate of the likeness, by which the names are chosen that are compared in full."""
    if _contains(name, wanted):
        return 1.0
    others = _letter_pairs(name)
    return 2 * len(pairs & others) / (len(pairs) + len(others))


def _likeness(one: str, other: str) -> float:
    """1 for the same, 0 for nothing in common: by edits (a swap is one), and by one being a part of the other."""
    longest = max(len(one), len(other))
    if not one or not other:
        return 0.0
    by_edits = 1 - edits(one, other) / longest
    return max(by_edits, _CONTAINED) if _contains(one, other) else by_edits


def _contains(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= _SHORTEST_PART and shorter in longer


def edits(one: str, other: str, limit: int = _LONGEST) -> int:
    """Insertions, deletions, changes and swaps of neighbours between two words (optimal string alignment).

    ``limit + 1`` for any more than ``limit``: what is far is told sooner.
    """
    if len(one) > len(other):
        one, other = other, one
    start = 0
    while start < len(one) and one[start] == other[start]:
        start += 1
    end = 0
    while end < len(one) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    one, other = one[start : len(one) - end], other[start : len(other) - end]
    if not one:
        return min(len(other), limit + 1)
    before: list[int] = []
    last: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = last, row, [i]
        for j, there in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != there))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == there:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit and min(last) >= limit:
            return limit + 1
    return min(row[-1], limit + 1)
