"""Time series (``rrddata``): minimum, mean and maximum of each column, and as many points as the budget allows."""

from __future__ import annotations

from itertools import pairwise
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Any

from proxmox_mcp.render.cells import text_cell
from proxmox_mcp.render.units import moment_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.render.budget import Budget

    Record = Mapping[str, Any]

_FEWEST = 4
_DIGITS = 4


def is_series(records: Sequence[Record]) -> bool:
    """Whether records form a time series: an ascending ``time``, and otherwise only numbers or null."""
    if len(records) < _FEWEST or not all(_is_number(record.get("time")) for record in records):
        return False
    if not all(a["time"] < b["time"] for a, b in pairwise(records)):
        return False
    return all(value is None or _is_number(value) for record in records for value in record.values())


def series_body(records: Sequence[Record], fields: Sequence[str], budget: Budget) -> str | None:
    """A series within a budget; None if even its summary is too long (too many columns)."""
    names = [name for name in (fields or dict.fromkeys(n for r in records for n in r)) if name != "time"]
    columns = {name: [r[name] for r in records if r.get(name) is not None] for name in names}
    varying = [name for name, values in columns.items() if len(set(values)) > 1]
    summary = "\n".join([_span(records), *_constants(columns), *_summary(columns, varying)])
    if not budget.fits(summary):
        return None
    points = _points(records, varying, budget.less(summary)) if varying else ""
    return f"{summary}\n{points}" if points else summary


def figure(number: float) -> str:
    """A number with four significant digits; no exponent from 0.0001 up."""
    if not isfinite(number) or number == 0:
        return str(number)
    if abs(number) >= 10**_DIGITS:
        power = 10 ** (floor(log10(abs(number))) + 1 - _DIGITS)
        return str(round(number / power) * power)
    return f"{number:.{_DIGITS}g}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def _span(records: Sequence[Record]) -> str:
    first, last = records[0]["time"], records[-1]["time"]
    step = (last - first) / (len(records) - 1)
    return f"{len(records)} points from {moment_text(first)} to {moment_text(last)}, every {step:.0f} s"


def _constants(columns: Mapping[str, list[float]]) -> list[str]:
    same = " ".join(f"{text_cell(name)}={values[0]}" for name, values in columns.items() if len(set(values)) == 1)
    empty = " ".join(text_cell(name) for name, values in columns.items() if not values)
    return [line for line in (f"constant: {same}" if same else "", f"no data: {empty}" if empty else "") if line]


def _summary(columns: Mapping[str, list[float]], varying: Sequence[str]) -> list[str]:
    lines = ["column min mean max"] if varying else []
    for name in varying:
        values = columns[name]
        lines.append(
            f"{text_cell(name)} {figure(min(values))} {figure(sum(values) / len(values))} {figure(max(values))}"
        )
    return lines


def _points(records: Sequence[Record], names: Sequence[str], budget: Budget) -> str:
    """The points, or the means of groups of neighbours that are large enough to fit."""
    size = 1
    while size <= len(records) // 2:
        buckets = [records[i : i + size] for i in range(0, len(records), size)]
        title = "all points:" if size == 1 else f"means of {size} points each (limit= or fields= shows single points):"
        lines = [
            title,
            " ".join(["time", *map(text_cell, names)]),
            *(_bucket_line(bucket, names) for bucket in buckets),
        ]
        fitting = budget.how_many(lines)
        if fitting == len(lines):
            return "\n".join(lines)
        size = max(size + 1, -(-len(records) // max(1, fitting - 2)))
    return "(no space for points: name fewer columns with fields=)"


def _bucket_line(bucket: Sequence[Record], names: Sequence[str]) -> str:
    cells = [str(bucket[0]["time"])]
    for name in names:
        values = [record[name] for record in bucket if record.get(name) is not None]
        cells.append(figure(sum(values) / len(values)) if values else "-")
    return " ".join(cells)
