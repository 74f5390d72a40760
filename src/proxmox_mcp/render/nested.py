"""Objects and lists inside records: flattened to dotted names, as small tables, or on one line.

    memory.used: 69 GiB                     the name that ``fields`` and ``filter`` take
    nics:                                   a list of records, or an object of similar records, as a table
      name netin/GiB netout/GiB
      tap100i0 1.2 3.4
    groups: admins,ops                      a list of tokens
    children:                               a tree as a table for each level, with its parent in each row

Text that is not a token is a JSON string, wherever it is (``inline.py`` for values on one line).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from proxmox_mcp.render.cells import LONGEST_CELL, compact_json, line_text, text_cell
from proxmox_mcp.render.fields import is_empty
from proxmox_mcp.render.inline import inline
from proxmox_mcp.render.prune import MORE, MORE_ITEMS
from proxmox_mcp.render.table import plain_table
from proxmox_mcp.render.trees import Rows
from proxmox_mcp.untrusted import QUOTE, is_token

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.render.legend import Legend

INDENT = "  "
KEY = "name"
"""The column for the keys of an object of records."""

_DEEPEST = 5
_FEWEST_SIMILAR = 2
_LONGEST_JSON = 64 * 1024


def member_lines(name: str, value: Any, legend: Legend, *, depth: int = 0) -> Iterator[str]:
    """The lines of one member of a record. ``name`` is its whole dotted name."""
    if name not in legend.exact:
        value = decoded(value)
    if isinstance(value, dict) and value and depth < _DEEPEST:
        if rows := similar_records(value):
            yield from _table_lines(name, rows, legend)
            return
        for key, each in value.items():
            if not is_empty(each):
                yield from member_lines(f"{name}.{key}", each, legend, depth=depth + 1)
    elif isinstance(value, Rows):
        yield f"{label(name)}:"
        for level in value.levels():
            yield from (INDENT + line for line in rows_lines(name, level, legend))
    elif isinstance(value, list) and (rows := records_in(value)):
        yield from _table_lines(name, rows, legend)
        if len(rows) < len(value):
            yield f"{INDENT}{value[-1]}"
    else:
        yield f"{label(name)}:{_scalar(name, value, legend)}"


def label(name: str) -> str:
    """The name of a member as it begins a line."""
    kept, dot, last = name.rpartition(".")
    return (text_cell(kept) if kept else "") + dot + MORE if last == MORE else text_cell(name)


def decoded(value: Any) -> Any:
    """The object or list in a text of JSON; any other value as it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "[") or len(value) > _LONGEST_JSON:
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, (dict, list)) and found else value


def records_in(value: list[Any]) -> list[Mapping[str, Any]]:
    """The records of a list of records, without a last entry that counts the rest; empty for another list."""
    kept = value[:-1] if value and is_count(value[-1]) else value
    return kept if kept and all(isinstance(each, dict) and each for each in kept) else []


def is_count(value: Any) -> bool:
    """Whether an entry counts what ``prune`` left out."""
    return isinstance(value, str) and value.startswith(MORE) and value.endswith(MORE_ITEMS)


def similar_records(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The members of an object as records with their keys as a column; empty if they have little in common."""
    members = list(value.values())
    if len(members) < _FEWEST_SIMILAR or not all(isinstance(each, dict) and each for each in members):
        return []
    common = set.intersection(*(set(each) for each in members))
    if KEY in common or 2 * len(common) < max(map(len, members)):
        return []
    return [{KEY: key, **each} for key, each in value.items()]


def rows_lines(name: str, rows: Sequence[Mapping[str, Any]], legend: Legend) -> Iterator[str]:
    """Records as the lines of a table. ``name`` is the field that holds them, empty if they are the whole result."""
    table = plain_table(rows, (), legend, LONGEST_CELL, within=name)
    yield from table.head.split("\n")
    yield from map(table.line, rows)


def _table_lines(name: str, rows: Sequence[Mapping[str, Any]], legend: Legend) -> Iterator[str]:
    yield f"{label(name)}:"
    for line in rows_lines(name, rows, legend):
        yield INDENT + line


def _scalar(name: str, value: Any, legend: Legend) -> str:
    """The value after its name: a token or JSON on the same line, text of several lines quoted below it."""
    if (text := legend.line(name, value)) is not None:
        return f" {text}"
    if not isinstance(value, str):
        return f" {inline(name, value, legend)}"
    if not value or is_token(value, term=legend.terms(name)):
        return f" {value or compact_json(value)}"
    lines = value.splitlines()
    if len(lines) == 1:
        return f" {compact_json(value)}"
    return "".join(f"\n{INDENT}{QUOTE}{line_text(line)}" for line in lines)
