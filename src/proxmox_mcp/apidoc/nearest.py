"""How far words are from each other, and the names nearest to a misspelt one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_NAME = 64
_SHORTLIST = 12
_NEAR = 0.5


def nearest(name: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Up to ``most`` of ``names`` that ``name`` may have been meant as, best first; none where nothing is near."""
    wanted = _plain(name[:LONGEST_NAME])
    grams = _grams(wanted)
    rough = sorted(((_overlap(grams, wanted, _plain(each)), each) for each in names), reverse=True)
    close = [(_likeness(wanted, _plain(each)), rank, each) for rank, (_, each) in enumerate(rough[:_SHORTLIST])]
    close.sort(key=lambda found: (-found[0], found[1]))
    return [each for likeness, _, each in close if likeness >= _NEAR][:most]


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _grams(name: str) -> set[str]:
    return {first + second for first, second in pairwise(f" {name} ")}


def _overlap(grams: set[str], wanted: str, name: str) -> float:
    if name.startswith(wanted) or wanted.startswith(name):
        return 1.0
    others = _grams(name)
    return 2 * len(grams & others) / (len(grams) + len(others))


def _likeness(one: str, other: str) -> float:
    """1 for the same, 0 for nothing in common: by edits (a swap is one), and by one being the start of the other."""
    longest = max(len(one), len(other))
    if not longest or not one or not other:
        return 0.0
    by_edits = 1 - edits(one, other) / longest
    if min(len(one), len(other)) > 2 and (other.startswith(one) or one.startswith(other)):
        return max(by_edits, 0.6)
    return by_edits


def edits(one: str, other: str, limit: int = LONGEST_NAME) -> int:
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
