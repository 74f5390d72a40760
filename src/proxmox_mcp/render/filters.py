"""The filter language of the tools: ``status=running and mem>80% and name~web``.

    filter     = condition ("and" condition)*
    condition  = field operator value
    operator   = = != > < >= <= ~          ~ is "contains", case-insensitive
    value      = word | "quoted text" | 80% | 8G | 3d4h | now-30d | 2026-10-01

``%`` compares a field with its maximum: ``mem`` with ``maxmem``, ``used`` with ``total``, a fraction such as ``cpu``
with 1. ``=""`` means absent or empty. A list (``tags``) equals each of its members. A dotted field reads nested values.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from proxmox_mcp.errors import ViewError
from proxmox_mcp.render.cells import compact_json
from proxmox_mcp.render.fields import field_names, is_empty, lookup, require_field
from proxmox_mcp.render.units import parse_duration, parse_moment, parse_size
from proxmox_mcp.untrusted import is_token

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Operator = Literal["=", "!=", ">", "<", ">=", "<=", "~"]

SYNTAX = 'A filter reads `status=running and mem>80% and name~web`: = != > < >= <= ~ (contains), "quotes", and.'

_CONDITION = re.compile(
    r"\s*(?P<field>[\w.\-\[\]/]+)\s*(?P<operator>!=|>=|<=|==|=|>|<|~)\s*"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s\"'=<>!~]+)"
)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LONGEST = 2_000

_FRACTIONS = frozenset(("cpu", "wait", "iowait", "iodelay", "used_fraction"))
_MAXIMA = {"used": ("total", "size"), "avail": ("total",), "free": ("total",), "usage": ("limit",)}
_ORDER: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. A ``quoted`` value is text, even if it looks like a number."""

    field: str
    operator: Operator
    value: str
    quoted: bool = False


def parse_filter(text: str) -> tuple[Condition, ...]:
    """The conditions of a filter; empty for a blank filter. Raises ViewError with the syntax."""
    if len(text) > _LONGEST:
        raise ViewError(f"filter: more than {_LONGEST} characters.", SYNTAX)
    conditions: list[Condition] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _CONDITION.match(text, position)
        if match is None:
            raise ViewError(f"filter: expected a condition at `{text[position:end].strip()[:60]}`.", SYNTAX)
        conditions.append(_condition(match))
        position = match.end()
        if position < end:
            joint = _AND.match(text, position)
            if joint is None:
                raise ViewError(
                    f"filter: expected `and` before `{text[position:end].strip()[:60]}`.", _joint_advice(text)
                )
            position = joint.end()
    return tuple(conditions)


def _condition(match: re.Match[str]) -> Condition:
    value, operator = match["value"], match["operator"]
    quoted = value[0] in "\"'"
    if quoted:
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    return Condition(match["field"], "=" if operator == "==" else operator, value, quoted)  # type: ignore[arg-type]


def _joint_advice(text: str) -> str:
    if re.search(r"\bor\b|\|", text, re.IGNORECASE):
        return f"`or` is not supported: make two calls, or use a wider filter. {SYNTAX}"
    return f'Text with blanks or signs needs quotes (name~"web 1"). {SYNTAX}'


def select(
    records: Sequence[Mapping[str, Any]],
    conditions: Sequence[Condition],
    *,
    known: Collection[str] = (),
    now: float | None = None,
) -> list[Mapping[str, Any]]:
    """The records that meet all conditions, in their order.

    ``known`` names fields that a record may have even if none of these has it. ``now`` is the time (epoch) that
    ``now-30d`` counts from. Raises ViewError for an unknown field, and for a value that can't be compared.
    """
    kept = list(records)
    moment = time.time() if now is None else now
    for condition in conditions:
        require_field(condition.field, records, known, argument="filter")
        test = _test(condition, records, moment)
        kept = [record for record in kept if test(record)]
    return kept


def _test(
    condition: Condition, records: Sequence[Mapping[str, Any]], now: float
) -> Callable[[Mapping[str, Any]], bool]:
    field, value = condition.field, condition.value
    if condition.operator == "~":
        needle = value.casefold()
        return lambda record: needle in _text(lookup(record, field)).casefold()
    if value.endswith("%") and not condition.quoted and _NUMBER.fullmatch(value[:-1]):
        return _test_share(condition, float(value[:-1]) / 100, records)
    number = None if condition.quoted and condition.operator in ("=", "!=") else _number(condition, records, now)
    if condition.operator in _ORDER:
        if number is None:
            raise ViewError(
                f"filter: `{value}` can't be compared with {condition.operator}.",
                "Allowed: a number, 80%, a size (8G), a duration (3d4h, 90min), a time (now-30d, 2026-10-01).",
            )
        compare, bound = _ORDER[condition.operator], number
        return lambda record: (n := _as_number(lookup(record, field))) is not None and compare(n, bound)
    wanted = condition.operator == "="
    return lambda record: _equals(lookup(record, field), value, number) == wanted


def _test_share(
    condition: Condition, share: float, records: Sequence[Mapping[str, Any]]
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


def _number(condition: Condition, records: Sequence[Mapping[str, Any]], now: float) -> float | None:
    text = condition.value
    if _NUMBER.fullmatch(text):
        return float(text)
    for parse in (parse_size, lambda t: parse_moment(t, now)):
        if (number := parse(text)) is not None:
            return number
    duration = parse_duration(text)
    if duration is not None and condition.operator in _ORDER:
        _refuse_wrong_duration(condition, records)
    return duration


def _refuse_wrong_duration(condition: Condition, records: Sequence[Mapping[str, Any]]) -> None:
    field, value = condition.field, condition.value
    numbers = [n for record in records if (n := _as_number(lookup(record, field))) is not None]
    timed = field.endswith(("time", "duration", "age"))
    if value.endswith("m") and not timed:
        raise ViewError(
            f"filter: `{value}` is ambiguous: mebibytes or minutes.", f"Write {value[:-1]}M or {value[:-1]}min."
        )
    if timed and numbers and min(numbers) > 1e9:
        raise ViewError(
            f"filter: `{field}` is a point in time, `{value}` a duration.",
            f"Write {field}<now-{value} for older, {field}>now-{value} for newer.",
        )


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
