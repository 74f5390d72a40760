"""Looks up fields of records by name (``memory.used`` reads nested values), and suggests names for unknown fields."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from proxmox_mcp.errors import ViewError
from proxmox_mcp.suggest import did_you_mean
from proxmox_mcp.untrusted import is_token

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

_MOST_NAMED = 40
_LONGEST_NAME = 40
_MOST_DOTS = 32
"""The deepest nested name: each step costs time, and no Proxmox response is nested this deep."""


def is_empty(value: Any) -> bool:
    """Whether a value is null, or an empty text, list or object. 0 and false are values."""
    return not value and (value is None or value == "" or value == [] or value == {})


def lookup(record: Any, field: str) -> Any:
    """The value of a field, None if it is absent. A name with dots is tried as one name first, then as a path."""
    if isinstance(record, dict):
        if field in record:
            return record[field]
    elif isinstance(record, list) and field.isdecimal() and len(field) < 9:
        return record[int(field)] if int(field) < len(record) else None
    if field.count(".") > _MOST_DOTS:
        return None
    head, dot, rest = field.partition(".")
    while dot:
        if isinstance(record, dict):
            if head in record:
                return lookup(record[head], rest)
        elif isinstance(record, list):
            return lookup(lookup(record, head), rest)
        else:
            return None
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None


def fields_in(records: Iterable[Mapping[str, Any]], names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """The fields of records that have one of these names, with their values, record by record.

    A record costs no more than the fewer of its own fields and the names: of a thousand records, each may have its own.
    """
    names = tuple(names)
    plain = dict.fromkeys(name for name in names if "." not in name)
    dotted = [name for name in names if "." in name]
    for record in records:
        if len(record) < len(plain):
            yield from ((name, value) for name, value in record.items() if name in plain)
        else:
            yield from ((name, record[name]) for name in plain if name in record)
        yield from ((name, lookup(record, name)) for name in dotted)


def field_names(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The field names of all records, in order of first appearance."""
    return list(dict.fromkeys(chain.from_iterable(records)))


def require_field(
    field: str, records: Sequence[Mapping[str, Any]], known: Collection[str] = (), *, argument: str
) -> None:
    """Raise ViewError with similar names if neither a record nor ``known`` has the field."""
    if not records or field in known or any(field in record for record in records):
        return
    if "." in field and any(lookup(record, field) is not None for record in records):
        return
    names = list(dict.fromkeys([*field_names(records), *known]))
    question = did_you_mean(field, filter(is_token, names), quote="`")
    raise ViewError(
        f"{argument}: unknown field `{field[:80]}`.",
        f"{question} Fields: {_listed(names)}.".lstrip(),
    )


def _listed(names: Sequence[str]) -> str:
    shown = [name for name in names if len(name) < _LONGEST_NAME and is_token(name)][:_MOST_NAMED]
    return ", ".join(shown) + (", ..." if len(shown) < len(names) else "")
