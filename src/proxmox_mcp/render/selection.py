"""Applies filters to records: which of them pass. The language is described in ``filters.py``."""

# Tested through tests/render/test_filters.py and tests/render/test_resources.py.

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from proxmox_mcp.errors import ViewError
from proxmox_mcp.render.cells import compact_json
from proxmox_mcp.render.fields import field_names, is_empty, lookup, require_field
from proxmox_mcp.render.legend import Legend
from proxmox_mcp.render.quantities import Quantity
from proxmox_mcp.render.units import parse_duration, parse_moment, parse_size
from proxmox_mcp.untrusted import is_token

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from proxmox_mcp.render.filters import Comparison, Filter

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SURELY_BYTES = 2**20
_SURELY_TIME = 1e9

_FRACTIONS = frozenset(("cpu", "wait", "iowait", "iodelay", "used_fraction"))
_MAXIMA = {"used": ("total", "size"), "avail": ("total",), "free": ("total",), "usage": ("limit",)}
_ORDER: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


def select(
    records: Sequence[Mapping[str, Any]],
    wanted: Filter,
    *,
    known: Collection[str] = (),
    legend: Legend | None = None,
) -> list[Mapping[str, Any]]:
    """The records that pass a filter, in their order.

    ``known`` names fields that a record may have even if none of these has it. The ``legend`` has the time that
    ``now-30d`` counts from and the zone of dates, and tells what numbers mean. Raises ViewError for an unknown field,
    and for a value that can't be compared.
    """
    legend = legend or Legend()
    for condition in wanted.conditions:
        require_field(condition.field, records, known, argument="filter")
    tests = [[_test(condition, records, legend) for condition in every] for every in wanted.alternatives]
    if not tests:
        return list(records)
    if len(tests) == 1:
        return [record for record in records if all(test(record) for test in tests[0])]
    return [record for record in records if any(all(test(record) for test in every) for every in tests)]


def _test(
    condition: Comparison, records: Sequence[Mapping[str, Any]], legend: Legend
) -> Callable[[Mapping[str, Any]], bool]:
    field, value = condition.field, condition.value
    if condition.operator == "?":
        return lambda record: _is_set(lookup(record, field))
    if condition.operator == "~":
        needle = value.casefold()
        return lambda record: needle in _text(lookup(record, field)).casefold()
    if value.endswith("%") and not condition.quoted and _NUMBER.fullmatch(value[:-1]):
        return _test_share(condition, float(value[:-1]) / 100, records)
    number = None if condition.quoted and condition.operator in ("=", "!=") else _number(condition, records, legend)
    if condition.operator in _ORDER:
        if number is None:
            raise ViewError(
                f"filter: `{value}` can't be compared with {condition.operator}.",
                "Allowed: a number, 80%, a size (8G), a duration (3d4h, 90min), a time (now-30d, 2026-10-01).",
            )
        _refuse_number_without_unit(condition, records, legend)
        compare, bound = _ORDER[condition.operator], number
        return lambda record: (n := _as_number(lookup(record, field))) is not None and compare(n, bound)
    wanted = condition.operator == "="
    return lambda record: _equals(lookup(record, field), value, number) == wanted


def _test_share(
    condition: Comparison, share: float, records: Sequence[Mapping[str, Any]]
) -> Callable[[Mapping[str, Any]], bool]:
    field = condition.field
    compare = _ORDER.get(condition.operator) or _same_percent(equal=condition.operator == "=")
    if records and not any(share_of(record, field) is not None for record in records):
        able = [
            name
            for name in field_names(records)
            if is_token(name) and any(share_of(record, name) is not None for record in records)
        ]
        raise ViewError(
            f"filter: `{field}` has no known maximum to take % of.",
            f"% works for: {', '.join(able)}." if able else "No field here has a known maximum.",
        )
    return lambda record: (n := share_of(record, field)) is not None and compare(n, share)


def _same_percent(*, equal: bool) -> Callable[[float, float], bool]:
    return lambda a, b: (round(100 * a) == round(100 * b)) == equal


def share_of(record: Mapping[str, Any], field: str) -> float | None:
    """A field as a fraction of its maximum (``mem``/``maxmem``, ``used``/``total``, ``cpu``), None without one."""
    value = lookup(record, field)
    if isinstance(value, dict):
        return share_of(value, "used")
    number = _as_number(value)
    if number is None:
        return None
    parent, _, name = field.rpartition(".")
    if name in _FRACTIONS:
        return number
    prefix = f"{parent}." if parent else ""
    for maximum_name in (f"max{name}", *_MAXIMA.get(name, ())):
        maximum = _as_number(lookup(record, prefix + maximum_name))
        if maximum:
            return number / maximum
    return None


def _number(condition: Comparison, records: Sequence[Mapping[str, Any]], legend: Legend) -> float | None:
    text = condition.value
    if _NUMBER.fullmatch(text):
        return float(text)
    for parse in (parse_size, lambda t: parse_moment(t, legend.clock.now, legend.clock.zone)):
        if (number := parse(text)) is not None:
            return number
    duration = parse_duration(text)
    if duration is not None and condition.operator in _ORDER:
        _refuse_wrong_duration(condition, records)
    return duration


def _refuse_wrong_duration(condition: Comparison, records: Sequence[Mapping[str, Any]]) -> None:
    field, value = condition.field, condition.value
    numbers = [n for record in records if (n := _as_number(lookup(record, field))) is not None]
    timed = field.endswith(("time", "duration", "age"))
    if value.endswith("m") and not timed:
        raise ViewError(
            f"filter: `{value}` is ambiguous: mebibytes or minutes.", f"Write {value[:-1]}M or {value[:-1]}min."
        )
    if timed and numbers and min(numbers) > _SURELY_TIME:
        raise ViewError(
            f"filter: `{field}` is a point in time, `{value}` a duration.",
            f"Write {field}<now-{value} for older, {field}>now-{value} for newer.",
        )


def _refuse_number_without_unit(condition: Comparison, records: Sequence[Mapping[str, Any]], legend: Legend) -> None:
    """A bare number for a size or a share was read from a table, whose headers are ``mem/GiB`` and ``cpu%``."""
    field, value = condition.field, condition.value
    if not _NUMBER.fullmatch(value) or not 1 < abs(float(value)) < _SURELY_BYTES:
        return
    found = next((q for record in records if (q := legend.quantity(field, lookup(record, field)))), None)
    if found in (Quantity.BYTES, Quantity.RATE):
        raise ViewError(f"filter: `{field}` counts bytes.", f"Write {field}{condition.operator}{value}GiB.")
    if found is Quantity.FRACTION:
        raise ViewError(f"filter: `{field}` is a fraction of 1.", f"Write {field}{condition.operator}{value}%.")
    if found is Quantity.TIME and float(value) < _SURELY_TIME:
        raise ViewError(f"filter: `{field}` is a time.", f"Write {field}<now-{value}d, or a date such as 2026-10-01.")


def _as_number(value: Any) -> float | None:
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    return None


def _equals(value: Any, text: str, number: float | None) -> bool:
    if is_empty(value):
        return text == ""
    if isinstance(value, (list, tuple)):
        return any(_equals(member, text, number) for member in value)
    if number is not None and (own := _as_number(value)) is not None:
        return own == number
    shown = _text(value)
    return shown == text or (isinstance(value, str) and text in re.split(r"[;,]", value))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value) if isinstance(value, (int, float)) else compact_json(value)


def _is_set(value: Any) -> bool:
    return not is_empty(value) and value not in (0, "0")
