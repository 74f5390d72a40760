"""Decides which fields of a list cost fewer tokens as headings of groups than as columns."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Any

from proxmox_mcp.render.tokens import token_cost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Record = Mapping[str, Any]


def best_grouping(records: Sequence[Record], candidates: Sequence[str]) -> tuple[str, ...]:
    """The ``candidates`` to group by for the fewest tokens; empty if grouping saves nothing."""
    columns = {name: _column(records, name) for name in candidates}
    weights = {name: _weight(column) for name, column in columns.items()}
    best: tuple[str, ...] = ()
    least = sum(weights.values())
    for size in range(1, len(candidates) + 1):
        for names in combinations(candidates, size):
            groups = len(set(zip(*(columns[name] for name in names), strict=True)))
            heading = sum(weights[name] for name in names) / max(1, len(records)) + 2
            cost = groups * heading + sum(weight for name, weight in weights.items() if name not in names)
            if cost < least:
                best, least = names, cost
    return best


def group(records: Sequence[Record], names: Sequence[str]) -> dict[tuple[str, ...], list[Record]]:
    """Records grouped by their values of ``names``; groups are sorted, records keep their order."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for values, record in zip(zip(*(_column(records, name) for name in names), strict=True), records, strict=True):
        groups.setdefault(values, []).append(record)
    return dict(sorted(groups.items()))


def _column(records: Sequence[Record], name: str) -> list[str]:
    return [str(record.get(name) or "-") for record in records]


def _weight(column: Sequence[str]) -> float:
    """The tokens of a field as a column over all records."""
    return sum(count * token_cost(value) for value, count in Counter(column).items())
