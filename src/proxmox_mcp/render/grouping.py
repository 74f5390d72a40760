"""Decides which fields of a list cost fewer tokens as headings of groups than as columns."""

# Tested through tests/render/test_resources.py.

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

from proxmox_mcp.render.tokens import token_cost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Record = Mapping[str, Any]


def grouped_best(
    records: Sequence[Record], candidates: Sequence[str]
) -> tuple[tuple[str, ...], Mapping[tuple[str, ...], Sequence[Record]]]:
    """Records grouped for the fewest tokens: the ``candidates`` they are grouped by, none if that saves nothing.

    Groups have their values as keys and are sorted; records keep their order. Records are gathered by their values of
    all candidates first: 10,000 guests have fewer than a hundred such values.
    """
    if not candidates:
        return (), {(): records}
    gathered: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, values in enumerate(zip(*(_column(records, name) for name in candidates), strict=True)):
        gathered[values].append(place)
    names = _best_names({values: len(places) for values, places in gathered.items()}, candidates)
    if not names:
        return (), {(): records}
    groups: dict[tuple[str, ...], list[int]] = {}
    for values, places in gathered.items():
        shared = tuple(value for name, value in zip(candidates, values, strict=True) if name in names)
        groups.setdefault(shared, []).extend(places)
    return names, {shared: [records[place] for place in sorted(groups[shared])] for shared in sorted(groups)}


def _best_names(counted: Mapping[tuple[str, ...], int], candidates: Sequence[str]) -> tuple[str, ...]:
    places = {name: place for place, name in enumerate(candidates)}
    weights = {name: _weight(counted, place) for name, place in places.items()}
    total = sum(counted.values())
    best: tuple[str, ...] = ()
    least = sum(weights.values())
    for size in range(1, len(candidates) + 1):
        for names in combinations(candidates, size):
            groups = len({tuple(values[places[name]] for name in names) for values in counted})
            heading = sum(weights[name] for name in names) / max(1, total) + 2
            cost = groups * heading + sum(weight for name, weight in weights.items() if name not in names)
            if cost < least:
                best, least = names, cost
    return best


def _column(records: Sequence[Record], name: str) -> list[str]:
    return [str(record.get(name) or "-") for record in records]


def _weight(counted: Mapping[tuple[str, ...], int], place: int) -> float:
    """The tokens of the field at a place as a column over all records."""
    times: Counter[str] = Counter()
    for values, count in counted.items():
        times[values[place]] += count
    return sum(count * token_cost(value) for value, count in times.items())
