"""Prints the result of a call: for people as aligned columns with all rows, for programs as JSON.

People read times, sizes and the like as models do (``render.Legend``); JSON has the numbers that Proxmox sent.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from proxmox_mcp.errors import ViewError
from proxmox_mcp.render.fields import is_empty, lookup, require_field
from proxmox_mcp.render.selection import select
from proxmox_mcp.render.view import page_start
from proxmox_mcp.untrusted import clean, flat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.gateway.answers import Result
    from proxmox_mcp.render import Legend, View

    Record = Mapping[str, Any]

_IDENTIFYING = ("vmid", "node", "id", "name", "storage", "type", "status")
_MAX_CELL = 60
"""Characters of a table cell. Cells of named fields, single records and JSON are not cut."""
_VALUE = "value"
"""The field name, for filters, of the entries of a list without records."""


def as_json(result: Result, view: View) -> str:
    """The data as Proxmox sent it, without secrets. ASCII only, so that it contains no terminal control characters."""
    return json.dumps(_viewed(result, view), indent=2, default=str)


def as_text(result: Result, view: View) -> str:
    """The data for a terminal, complete, and with control characters removed (escape sequences). Raises ViewError."""
    if result.told:
        text = _clean_lines(result.told)
    else:
        text = _text(_viewed(result, view), view, result.data, result.legend)
        if result.legend.tells_time(result.data, view.fields):
            text = f"{text}\n(now {result.legend.clock.present})"
    # JSON can contain half a surrogate pair, which UTF-8 can't encode.
    return text.encode("utf-8", "backslashreplace").decode()


def _text(data: Any, view: View, whole: Any, legend: Legend) -> str:
    if isinstance(data, list):
        return _list(data, view, len(whole), legend)
    if isinstance(data, dict):
        return _record(data, legend)
    return "Proxmox returned no data." if data is None or data == "" else _clean_lines(_plain(data))


def _viewed(result: Result, view: View) -> Any:
    """The part of the data that fields, filter, limit and cursor select. Raises ViewError."""
    data = result.data
    if isinstance(data, dict):
        return _of_record(data, view, result)
    if not isinstance(data, list):
        if view.fields or view.conditions:
            raise ViewError("This result has no fields.", "Leave out --fields and --filter.")
        return data
    records = [item if isinstance(item, dict) else {_VALUE: item} for item in data]
    for field in view.fields:
        require_field(field, records, result.known, argument="fields")
    start, _ = page_start(view, data)
    end = None if view.limit is None else start + view.limit
    if not view.fields and not view.conditions:
        return data[start:end]
    kept = (select(records, view.conditions, known=result.known, legend=result.legend) if view.conditions else records)[
        start:end
    ]
    if view.fields:
        return [{name: lookup(record, name) for name in view.fields} for record in kept]
    plain = not any(isinstance(item, dict) for item in data)
    return [record[_VALUE] for record in kept] if plain else list(kept)


def _of_record(data: Record, view: View, result: Result) -> Record:
    for field in view.fields:
        require_field(field, [data], result.known, argument="fields")
    if view.conditions and not select([data], view.conditions, known=result.known, legend=result.legend):
        return {}
    return {name: lookup(data, name) for name in view.fields} if view.fields else data


def _list(items: list[Any], view: View, read: int, legend: Legend) -> str:
    if not items:
        return f"None of {_count(read)} match the filter." if view.conditions and read else "The list is empty."
    if not all(isinstance(item, dict) for item in items):
        return "\n".join(_clean_lines(item if isinstance(item, str) else _cell(item)) for item in items)
    if all(item.keys() == {"n", "t"} for item in items):  # lines of a log, as Proxmox numbers them
        return "\n".join(_clean_lines(str(item["t"])) for item in items)
    shown = "" if len(items) == read else f" of {read}"
    return f"{_table(items, view.fields, legend)}\n({_count(len(items))}{shown})"


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def _table(records: Sequence[Record], fields: Sequence[str], legend: Legend) -> str:
    names = list(fields) or _columns(records)
    longest = sys.maxsize if fields else _MAX_CELL
    rows = [[_cell(name, longest) for name in names]]
    rows += [[_cell(_readable(name, record.get(name), legend), longest) for name in names] for record in records]
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    numeric = [all(_is_number(record.get(name)) for record in records) for name in names]
    return "\n".join(_line(row, widths, numeric) for row in rows)


def _columns(records: Sequence[Record]) -> list[str]:
    """The fields with a value in any record; identifying fields first."""
    names = dict.fromkeys(name for record in records for name, value in record.items() if not is_empty(value))
    return sorted(names, key=lambda name: _IDENTIFYING.index(name) if name in _IDENTIFYING else len(_IDENTIFYING))


def _is_number(value: Any) -> bool:
    return is_empty(value) or (isinstance(value, int | float) and not isinstance(value, bool))


def _line(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    cells = zip(row, widths, numeric, strict=True)
    return "  ".join(text.rjust(width) if right else text.ljust(width) for text, width, right in cells).rstrip()


def _record(record: Record, legend: Legend) -> str:
    if not record:
        return "The object is empty, or does not match the filter."
    members = [(name, _readable(name, value, legend)) for name, value in _flat(record)]
    width = max(len(name) for name, _ in members) + 1
    return "\n".join(_entry(name, value, width) for name, value in members)


def _flat(record: Record, prefix: str = "", deep: int = 0) -> Iterator[tuple[str, Any]]:
    """The members of an object; those of objects in it by their dotted names."""
    for name, value in record.items():
        if isinstance(value, dict) and value and deep < _DEEPEST:
            yield from _flat(value, f"{prefix}{name}.", deep + 1)
        else:
            yield prefix + name, value


_DEEPEST = 5


def _readable(name: str, value: Any, legend: Legend) -> Any:
    """A number as people read it; any other value as it is."""
    if isinstance(value, (dict, list)):
        return legend.readable(name, value)
    text = legend.line(name, value)
    return value if text is None else text


def _entry(name: str, value: Any, width: int) -> str:
    text = _clean_lines(value) if isinstance(value, str) else _cell(value)
    label = f"{flat(name)}:".ljust(width)
    if "\n" not in text:
        return f"{label} {text}".rstrip()
    return "\n".join([label.rstrip(), *(f"  {line}" for line in text.splitlines())])


def _cell(value: Any, longest: int = sys.maxsize) -> str:
    """A value in one line of at most ``longest`` characters; nested values as JSON."""
    if is_empty(value):
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    line = flat(text)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _clean_lines(text: str) -> str:
    return "\n".join(clean(text).splitlines())
