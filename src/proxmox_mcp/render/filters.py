"""The filter language of the tools: ``status=running and mem>80% or lock?``.

    filter     = all ("or" all)*           "and" binds closer than "or"; there are no brackets
    all        = condition ("and" condition)*
    condition  = field operator value | field "?"
    operator   = = != > < >= <= ~          ~ is "contains", case-insensitive
    value      = word | "quoted text" | 80% | 8GiB | 3d4h | now-30d | 2026-10-01

``%`` compares a field with its maximum: ``mem`` with ``maxmem``, ``used`` with ``total``, a fraction such as ``cpu``
with 1. ``=""`` means absent or empty, ``?`` the opposite; for ``?`` 0 counts as empty. A list (``tags``) equals each of
its members. A dotted field reads nested values. ``selection.py`` applies filters to records.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from proxmox_mcp.errors import ViewError

Operator = Literal["=", "!=", ">", "<", ">=", "<=", "~", "?"]

SYNTAX = (
    "Write it like `mem>80% and name~web or ctime<now-30d`: = != > < >= <= ~ (contains), field? (is set), and, or; "
    'values 8GiB, 80%, 3d4h, now-30d, 2026-10-01, "with blanks".'
)

_CONDITION = re.compile(
    r"\s*(?P<field>[\w.\-\[\]/]+)\s*(?:(?P<set>\?)|(?P<operator>!=|>=|<=|==|=|>|<|~)\s*"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s\"'=<>!~]+))"
)
_JOINT = re.compile(r"\s+(and|or)\s+", re.IGNORECASE)
_LONGEST = 2_000


class Comparison(Struct, frozen=True):
    """One comparison. A ``quoted`` value is text, even if it looks like a number."""

    field: str
    operator: Operator
    value: str = ""
    quoted: bool = False


class Filter(Struct, frozen=True):
    """The alternatives of which a record must meet one, with all its conditions. Without any, every record passes."""

    alternatives: tuple[tuple[Comparison, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.alternatives)

    @property
    def conditions(self) -> tuple[Comparison, ...]:
        """The conditions of all alternatives."""
        return tuple(condition for alternative in self.alternatives for condition in alternative)


NO_FILTER = Filter()


def parse_filter(text: str) -> Filter:
    """The filter that a text describes; one without alternatives for a blank text. Raises ViewError with the syntax."""
    if len(text) > _LONGEST:
        raise ViewError(f"filter: more than {_LONGEST} characters.", SYNTAX)
    alternatives: list[list[Comparison]] = []
    position, end = 0, len(text.rstrip())
    joint = "or"
    while position < end:
        match = _CONDITION.match(text, position)
        if match is None:
            raise ViewError(f"filter: expected a condition at `{text[position:end].strip()[:60]}`.", _advice(text))
        if joint == "or":
            alternatives.append([])
        alternatives[-1].append(_condition(match))
        position = match.end()
        if position < end:
            found = _JOINT.match(text, position)
            if found is None:
                rest = text[position:end].strip()[:60]
                raise ViewError(f"filter: expected `and` or `or` before `{rest}`.", _advice(text))
            joint, position = found[1].lower(), found.end()
    return Filter(tuple(map(tuple, alternatives)))


def _condition(match: re.Match[str]) -> Comparison:
    if match["set"]:
        return Comparison(match["field"], "?")
    value, operator = match["value"], match["operator"]
    quoted = value[0] in "\"'"
    if quoted:
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    return Comparison(match["field"], "=" if operator == "==" else operator, value, quoted)  # type: ignore[arg-type]


def _advice(text: str) -> str:
    if "(" in text:
        return f"Brackets are not supported: write `a=1 and b=2 or a=1 and c=3`. {SYNTAX}"
    if "||" in text or "&&" in text:
        return f"Write `or` and `and`. {SYNTAX}"
    return SYNTAX
