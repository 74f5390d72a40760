"""Time series (``rrddata``): minimum, mean and maximum of each column, and as many points as the budget allows."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.render.cells import compact_json, text_cell
from proxmox_mcp.render.columns import column_in, quantity_of
from proxmox_mcp.render.quantities import in_series
from proxmox_mcp.render.units import short_duration, significant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxmox_mcp.render.budget import Budget
    from proxmox_mcp.render.legend import Legend

    Record = Mapping[str, Any]

_FEWEST = 4


def is_series(records: Sequence[Record]) -> bool:
    """Whether records form a time series: an ascending ``time``, and otherwise only numbers or null."""
    if len(records) < _FEWEST or not all(_is_number(record.get("time")) for record in records):
        return False
    if not all(a["time"] < b["time"] for a, b in pairwise(records)):
        return False
    return all(value is None or _is_number(value) for record in records for value in record.values())


class _Column(Struct, frozen=True):
    """A column with its numbers; ``header`` has the unit that ``text`` writes them in."""

    name: str
    header: str
    numbers: list[float]
    text: Callable[[float], str]


def series_body(records: Sequence[Record], fields: Sequence[str], budget: Budget, legend: Legend) -> str | None:
    """A series within a budget; None if even its summary is too long (too many columns)."""
    names = [name for name in (fields or dict.fromkeys(n for r in records for n in r)) if name != "time"]
    columns = [_column(name, [r[name] for r in records if r.get(name) is not None], legend) for name in names]
    varying = [column for column in columns if len(set(column.numbers)) > 1]
    summary = "\n".join([_span(records, legend), *_constants(columns), *_summary(varying)])
    if not budget.fits(summary):
        return None
    points = _points(records, varying, budget.less(summary), legend) if varying else ""
    return f"{summary}\n{points}" if points else summary


def _column(name: str, numbers: list[float], legend: Legend) -> _Column:
    header = text_cell(name)
    quantity, _ = quantity_of(legend, name, (max(numbers, default=None, key=abs),))
    quantity = None if legend.raw else in_series(name, quantity)
    if quantity is None:
        return _Column(name, header, numbers, (lambda n: compact_json(n)) if legend.raw else significant)
    unit, text = column_in(legend, name, quantity, [max(numbers, default=0)])
    return _Column(name, header + unit, numbers, lambda number: text(number) or significant(number))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def _span(records: Sequence[Record], legend: Legend) -> str:
    first, last = records[0]["time"], records[-1]["time"]
    step = (last - first) / (len(records) - 1)
    span = f"from {_moment(first, legend)} to {_moment(last, legend)}"
    return f"{len(records)} points {span}, every {short_duration(step)}"


def _moment(epoch: float, legend: Legend) -> str:
    return str(epoch) if legend.raw or not legend.clock.knows(epoch) else legend.clock.moment(epoch)


def _constants(columns: Sequence[_Column]) -> list[str]:
    constant = [column for column in columns if len(set(column.numbers)) == 1]
    same = " ".join(f"{column.header}={column.text(column.numbers[0])}" for column in constant)
    empty = " ".join(text_cell(column.name) for column in columns if not column.numbers)
    return [line for line in (f"constant: {same}" if same else "", f"no data: {empty}" if empty else "") if line]


def _summary(columns: Sequence[_Column]) -> list[str]:
    lines = ["column min mean max"] if columns else []
    for column in columns:
        figures = (min(column.numbers), sum(column.numbers) / len(column.numbers), max(column.numbers))
        lines.append(" ".join([column.header, *map(column.text, figures)]))
    return lines


def _points(records: Sequence[Record], columns: Sequence[_Column], budget: Budget, legend: Legend) -> str:
    """The points, or the means of groups of neighbours that are large enough to fit."""
    size = 1
    while size <= len(records) // 2:
        buckets = [records[i : i + size] for i in range(0, len(records), size)]
        title = "all points:" if size == 1 else f"means of {size} points each (limit= or fields= shows single points):"
        times = _times([bucket[0]["time"] for bucket in buckets], legend)
        lines = [
            title,
            " ".join(["time", *(column.header for column in columns)]),
            *(_bucket_line(time, bucket, columns) for time, bucket in zip(times, buckets, strict=True)),
        ]
        fitting = budget.how_many(lines)
        if fitting == len(lines):
            return "\n".join(lines)
        size = max(size + 1, -(-len(records) // max(1, fitting - 2)))
    return "(no space for points: name fewer columns with fields=)"


def _times(epochs: Sequence[float], legend: Legend) -> list[str]:
    """The times of points; the date only where it is another than that of the point before."""
    shown: list[str] = []
    before = ""
    for epoch in epochs:
        day, _, moment = _moment(epoch, legend).partition(" ")
        shown.append(moment if day == before and moment else f"{day}T{moment}" if moment else day)
        before = day
    return shown


def _bucket_line(time: str, bucket: Sequence[Record], columns: Sequence[_Column]) -> str:
    cells = [time]
    for column in columns:
        values = [record[column.name] for record in bucket if record.get(column.name) is not None]
        cells.append(column.text(sum(values) / len(values)) if values else "-")
    return " ".join(cells)
