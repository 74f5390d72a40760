"""The names nearest to a misspelt one."""

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
    by_edits = 1 - _edits(one, other) / longest
    if min(len(one), len(other)) > 2 and (other.startswith(one) or one.startswith(other)):
        return max(by_edits, 0.6)
    return by_edits


def _edits(one: str, other: str) -> int:
    """How many letters to add, drop, change or swap (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, right in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
