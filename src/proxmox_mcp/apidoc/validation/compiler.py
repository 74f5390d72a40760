"""From a schema to functions that judge values by it (``PVE::JSONSchema::check_prop``).

Of one value the first fault counts: type, format, pattern, longest, shortest, maximum, minimum, enumeration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.formats import Format, find_format
from proxmox_mcp.apidoc.validation import encode
from proxmox_mcp.apidoc.validation.faults import Fault, shown, unsendable
from proxmox_mcp.apidoc.validation.property_strings import CURRENT, VALIDATORS, Dialect, PropertyString
from proxmox_mcp.apidoc.validation.separators import joined, separator_of, takes_pairs
from proxmox_mcp.apidoc.validation.validators import (
    Judge,
    Quote,
    first_fault,
    judge_bounds,
    judge_enum,
    judge_length,
    judge_named,
    judge_pattern,
    judge_type,
)

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.model import Schema

Taken = str | list[str] | Fault | None
Take = Callable[[object], Taken]
"""From a JSON value that is not null to what is sent, None where nothing is, or its fault."""

_is_secret = re.compile(r"pass|secret|key|token|ticket|hmac|certificate", re.IGNORECASE).search
_JSON_FORMATS = frozenset({"pve-command-batch"})


class Compiler:
    """Makes judges with the structures and formats of one version."""

    def __init__(
        self,
        structures: Mapping[str, Mapping[str, Schema]],
        formats: Mapping[str, Format],
        dialect: Dialect = CURRENT,
    ) -> None:
        """``structures`` are the keys of property strings by name; ``formats`` those that depend on the index;
        ``dialect`` is how the version reads property strings."""
        self._dialect = dialect
        self._structures = structures
        self._formats = formats
        self._named: dict[tuple[str, bool], Judge | None] = {}
        self._shared: dict[tuple[object, bool, str], Take] = {}
        self._accepted: dict[object, set[str]] = {}

    def take(self, name: str, schema: Schema, *, in_query: bool) -> Take:
        """What turns a value of the parameter ``name`` into what is sent, in a query or in a body.

        Parameters that are alike share it, which keeps what is used often near at hand.
        """
        if schema.type == "array":
            return self._take_array(name, schema, in_query=in_query)
        if not isinstance(schema.format, str | None):
            return self._take_scalar(name, schema, in_query=in_query)
        key = (_likeness(name, schema), in_query, separator_of(name, schema))
        if key not in self._shared:
            self._shared[key] = self._take_scalar(name, schema, in_query=in_query)
        return self._shared[key]

    def accepted(self, name: str, schema: Schema) -> set[str]:
        """Where to note the texts that a parameter of a path took: the same few come again and again."""
        if not isinstance(schema.format, str | None):
            return set()
        return self._accepted.setdefault(_likeness(name, schema), set())

    def _take_scalar(self, name: str, schema: Schema, *, in_query: bool) -> Take:
        judges = self._judges(name, schema)
        to_text = self._to_text(name, schema, in_query=in_query)

        def take(value: object) -> Taken:
            if isinstance(value, str):
                text = value
                if not text.isascii() and (fault := unsendable(text)):
                    return fault
            else:
                encoded = to_text(value)
                if not isinstance(encoded, str):
                    return encoded
                text = encoded
            for judge in judges:
                if fault := judge(text):
                    fault.wire = text
                    return fault
            return text

        return take

    def _to_text(self, name: str, schema: Schema, *, in_query: bool) -> Callable[[object], str | Fault | None]:
        """What turns a value that is no text into one; None where it is absent."""
        keys = self.keys(schema)
        pairs = keys is None and takes_pairs(schema)
        is_json = schema.format in _JSON_FORMATS if isinstance(schema.format, str) else False
        separator = separator_of(name, schema)

        def to_text(value: object) -> str | Fault | None:
            if isinstance(value, Mapping) and keys is not None:
                return encode.property_string(value, keys)
            if isinstance(value, Mapping) and pairs:
                return encode.property_string({key: each for key, each in value.items() if each is not None}, {})
            if not encode.is_many(value):
                return encode.scalar(value)
            if is_json:
                return encode.as_json(value)
            texts = encode.members(value)
            if isinstance(texts, Fault):
                return texts
            if separator and (text := joined(texts, separator, schema)) is not None:
                return text if texts or not in_query else None
            if len(texts) == 1:
                return texts[0]
            return Fault("type", "takes one value, not a list" if texts else "takes one value, not an empty list")

        return to_text

    def _take_array(self, name: str, schema: Schema, *, in_query: bool) -> Take:
        item = schema.items
        judge = self.judge(name, item) if item else None
        keys = self.keys(item) if item else None

        def to_text(value: object) -> str | Fault:
            if isinstance(value, Mapping) and keys is not None:
                return encode.property_string(value, keys)
            return Fault("type", "null stands in the list") if value is None else encode.scalar(value)

        def take(value: object) -> Taken:
            texts: list[str] = []
            for member in value if encode.is_many(value) else [value]:
                text = to_text(member)
                if isinstance(text, Fault):
                    return text
                texts.append(text)
            if not encode.is_carried_by_form(texts):
                if in_query:
                    said = "an empty list" if not texts else f"a list that holds only {shown(texts[0])}"
                    return Fault("unsendable", f"{said} can't be sent in a query string")
                if not encode.is_many(value):
                    said = f'{shown(texts[0])} alone is not taken as a list; write ["{texts[0]}"]'
                    return Fault("type", said, wire=texts)
            for position, text in enumerate(texts):
                if judge and (fault := judge(text)):
                    return Fault(fault.kind, f"{_nth(position, texts)}{fault.message}", fault.key, texts)
            return texts

        return take

    def keys(self, schema: Schema) -> Mapping[str, Schema] | None:
        """The keys of the property string that a schema asks for, None where it asks for none."""
        if isinstance(schema.format, str):
            return self._structures.get(schema.format)
        return schema.format

    def format(self, name: str) -> Format | None:
        """The named format, None if we don't know it or it is a property string."""
        return find_format(name, self._formats)

    def judge(self, name: str, schema: Schema) -> Judge | None:
        """The judge of texts for a parameter or key; None where any text is right."""
        return first_fault(self._judges(name, schema))

    def _judges(self, name: str, schema: Schema) -> tuple[Judge, ...]:
        """What judges a text one after the other; the bounds of numbers are judged with their type."""
        quote = _hidden if _is_secret(name) else shown
        found = (
            judge_type(schema, quote),
            self._judge_format(schema, quote),
            judge_pattern(schema.pattern, quote),
            judge_length(schema.min_length, schema.max_length),
            judge_bounds(schema, quote),
            judge_enum(schema.enum, quote),
        )
        return tuple(each for each in found if each)

    def _judge_format(self, schema: Schema, quote: Quote) -> Judge | None:
        keys = self.keys(schema)
        if not isinstance(schema.format, str):
            return PropertyString(keys, self.judge, dialect=self._dialect) if keys is not None else None
        key = (schema.format, quote is _hidden)
        if key not in self._named:
            if keys is not None:
                self._named[key] = PropertyString(keys, self.judge, VALIDATORS.get(schema.format), self._dialect)
            else:
                self._named[key] = judge_named(schema.format, self.format(schema.format), quote)
        return self._named[key]


def _likeness(name: str, schema: Schema) -> object:
    """What the judgement of a text depends on."""
    bounds = schema.minimum, schema.maximum, schema.min_length, schema.max_length
    return schema.type, schema.format, schema.pattern, schema.enum, bounds, _is_secret(name) is None


def _nth(position: int, texts: Sequence[str]) -> str:
    return f"[{position}]: " if len(texts) > 1 else ""


def _hidden(_: str) -> str:
    return "the value"
