"""Lists of records as tables: a header, then one line for each record.

    all: type=qemu node=pve1                fields that are the same for every record
    vmid name status [lock=]                columns; in brackets those that few records have
    100 web-01 running
    101 "db 1" stopped lock=backup

A cell ends at a blank; it is a JSON string if it is not a token (``cells``); ``-`` is an empty cell; empty cells at the
end of a line are left out.
"""

# Tested through tests/render/test_render.py and tests/render/test_nested.py.

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.render.cells import EMPTY, compact_json, cut, text_cell
from proxmox_mcp.render.columns import MOST_LOOKED_AT, column_in, quantity_of
from proxmox_mcp.render.fields import field_names, fields_in, is_empty, lookup
from proxmox_mcp.render.inline import inline
from proxmox_mcp.render.prune import prune
from proxmox_mcp.render.quantities import TIMES, number_of
from proxmox_mcp.render.units import short_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxmox_mcp.render.columns import Cell
    from proxmox_mcp.render.legend import Legend

    Record = Mapping[str, Any]

_FIRST = ("vmid", "guest", "kind", "node", "id", "name", "storage", "type", "status")


class Column(Struct, frozen=True):
    """``text`` gives the cell of a record, ``EMPTY`` if the record lacks the field."""

    header: str
    text: Callable[[Record], str]


class Table(Struct, frozen=True):
    """Columns, sparse columns (written ``name=value`` in the few lines that have them), and what all records share."""

    columns: tuple[Column, ...]
    sparse: tuple[Column, ...] = ()
    shared: str = ""

    @property
    def head(self) -> str:
        """The header above the lines."""
        names = " ".join(column.header for column in self.columns)
        few = " ".join(f"{column.header}=" for column in self.sparse)
        header = f"{names} [{few}]" if few else names
        return f"all: {self.shared}\n{header}" if self.shared else header

    def narrowed(self, columns: int) -> Table:
        """The first columns only."""
        return Table(self.columns[:columns])

    def line(self, record: Record) -> str:
        cells = [column.text(record) for column in self.columns]
        few = [f"{c.header}={text}" for c in self.sparse if (text := c.text(record)) != EMPTY]
        if not few:
            while len(cells) > 1 and cells[-1] == EMPTY:
                cells.pop()
        return " ".join([*cells, *few]) or EMPTY


def plain_table(
    records: Sequence[Record], fields: Sequence[str], legend: Legend, longest_cell: int, *, within: str = ""
) -> Table:
    """The table of records: all fields, or ``fields`` in their order. ``within`` is the field that holds them."""
    names, sparse, shared = lay_out(records, fields, () if fields else _flattened(records))
    prefix = f"{within}." if within else ""
    values: dict[str, list[Any]] = {name: [] for name in (*names, *sparse)}
    for name, value in fields_in(islice(records, MOST_LOOKED_AT), values):
        values[name].append(value)
    meanings = {name: quantity_of(legend, prefix + name, values[name]) for name in values}
    ages = sum(quantity in TIMES for quantity, _ in meanings.values()) > 1

    def column(name: str) -> Column:
        if name == _END and ages and _START in names:
            return Column(f"{_END}-{_START}", lambda record: _taken(record) or EMPTY)
        quantity, numbers = meanings[name]
        header = text_cell(cut(name, longest_cell))
        plain = _plain_cell(name, prefix + name, legend, longest_cell)
        if quantity is None:
            return Column(header, plain)
        unit, text = column_in(legend, prefix + name, quantity, numbers, ages=ages)
        return Column(header + unit, _number_cell(name, plain, text))

    def once(name: str) -> str:
        """A field that all records share, in full."""
        text = legend.cell(prefix + name, lookup(records[0], name))
        plain = _plain_cell(name, prefix + name, legend, longest_cell)
        return f"{text_cell(cut(name, longest_cell))}={plain(records[0]) if text is None else text}"

    few = [column(name) for name in sparse]
    return Table(tuple(column(name) for name in names), tuple(few), " ".join(map(once, shared)))


def _flattened(records: Sequence[Record]) -> tuple[str, ...]:
    """All fields, those that hold small objects of plain values as dotted names; empty if no field holds any."""
    if not any(dict in map(type, record.values()) for record in records):
        return ()
    names: list[str] = []
    for name in field_names(records):
        keys = _flat_keys([value for record in records if not is_empty(value := record.get(name))])
        names += [f"{name}.{key}" for key in keys] or [name]
    return tuple(names)


def _flat_keys(values: Sequence[Any]) -> list[str]:
    """The keys of values that are all objects of plain values, if they are few; empty for other values."""
    objects = [value for value in values if isinstance(value, dict)]
    if len(objects) < len(values) or any(isinstance(each, (dict, list)) for v in objects for each in v.values()):
        return []
    keys = field_names(objects)
    return keys if len(keys) <= _MOST_FLATTENED else []


_MOST_FLATTENED = 8


def _plain_cell(name: str, whole_name: str, legend: Legend, longest: int) -> Callable[[Record], str]:
    term = legend.terms(whole_name)

    def text(record: Record) -> str:
        value = lookup(record, name)
        if isinstance(value, (dict, list)) and not is_empty(value):
            whole = inline(whole_name, value, legend)
            return whole if len(whole) <= longest else cell(legend.readable(whole_name, value), longest)
        return cell(value, longest, term=term)

    return text


def _number_cell(name: str, plain: Callable[[Record], str], text: Cell) -> Callable[[Record], str]:
    def number(record: Record) -> str:
        shown = text(lookup(record, name))
        return plain(record) if shown is None else shown

    return number


_START, _END = "starttime", "endtime"


def _taken(record: Record) -> str:
    """How long a task took: more to the point than the age of its end; empty while it runs."""
    start, end = number_of(record.get(_START)), number_of(record.get(_END))
    return short_duration(end - start) if start and end and end >= start else ""


def cell(value: Any, longest: int, *, term: bool = False) -> str:
    """A value as a cell of at most about ``longest`` characters. ``term``: its field holds Proxmox's own terms."""
    if isinstance(value, str):
        return text_cell(cut(value, longest), term=term)
    if type(value) is int:
        return str(value)
    if isinstance(value, (int, float)):
        return compact_json(value)
    if is_empty(value):
        return EMPTY
    text = compact_json(value)
    return text if len(text) <= longest else compact_json(prune(value, longest).value)


def lay_out(
    records: Sequence[Record], fields: Sequence[str] = (), names: Sequence[str] = ()
) -> tuple[list[str], list[str], list[str]]:
    """The fields for columns, the fields that few records have, and those with one value in all (two or more) records.

    Fields that are empty in all records are left out, unless they were asked for (``fields``). ``names`` are all fields
    where some are dotted.
    """
    filled, shared = _survey(records, fields or names)
    order = list(fields) or sorted(filled, key=_rank)
    total = len(records)
    same = [name for name in order if total > 1 and name in shared and filled.get(name) == total]
    left = [name for name in order if not (total > 1 and name in shared and filled.get(name) == total)]
    sparse = [] if fields else [name for name in left if 2 * filled[name] < total]
    columns = left if fields else [name for name in left if 2 * filled[name] >= total]
    if not fields:
        columns.sort(key=lambda name: filled[name] < total)
    if not columns:
        columns, same = same[:1] or sparse[:1], same[1:]
        sparse = [name for name in sparse if name != columns[0]] if columns else sparse
    return columns, sparse, same


def _survey(records: Sequence[Record], fields: Sequence[str]) -> tuple[dict[str, int], dict[str, Any]]:
    """How many records have each field, and the value of each field that is the same in all."""
    filled = dict.fromkeys(fields, 0)  # In their order, whichever record has them first.
    shared: dict[str, Any] = {}
    pairs = fields_in(records, filled) if fields else chain.from_iterable(record.items() for record in records)
    for name, value in pairs:
        if is_empty(value):
            continue
        count = filled.get(name, 0)
        filled[name] = count + 1
        if not count:
            shared[name] = value
        elif name in shared and (shared[name] != value or type(shared[name]) is not type(value)):
            del shared[name]
    return {name: count for name, count in filled.items() if count}, shared


def _rank(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)
