"""From a schema to functions that judge values by it (``PVE::JSONSchema::check_prop``).

Of one value the first fault counts: type, format, pattern, longest, shortest, maximum, minimum, enumeration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc import encode
from proxmox_mcp.apidoc.faults import Fault, shown, unsendable
from proxmox_mcp.apidoc.formats import Format, find_format, is_list
from proxmox_mcp.apidoc.patterns import anchored
from proxmox_mcp.apidoc.perl import is_true, number
from proxmox_mcp.apidoc.properties import VALIDATORS, PropertyString

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.model import Schema

Judge = Callable[[str], Fault | None]
"""What is wrong with a text."""

Taken = str | list[str] | Fault | None
Take = Callable[[object], Taken]
"""From a JSON value that is not null to what is sent, None where nothing is, or its fault."""

_is_integer = re.compile(r"[+-]?\d+\n?").fullmatch
_is_number = re.compile(r"[+-]?(?:\d+\.\d+|\d+\.|\.\d+|\d+)(?:[eE][+-]?\d+)?\n?").fullmatch
_is_secret = re.compile(r"pass|secret|key|token|ticket|hmac|certificate", re.IGNORECASE).search
_JSON_FORMATS = frozenset({"pve-command-batch"})
_SHORT_ENUM = 12


class Compiler:
    """Makes judges with the structures and formats of one version."""

    def __init__(self, structures: Mapping[str, Mapping[str, Schema]], formats: Mapping[str, Format]) -> None:
        """``structures`` are the keys of property strings by name; ``formats`` those that depend on the index."""
        self._structures = structures
        self._formats = formats
        self._named: dict[tuple[str, bool], Judge | None] = {}

    def take(self, name: str, schema: Schema, *, in_query: bool) -> Take:
        """What turns a value of the parameter ``name`` into what is sent. An empty list vanishes from a query."""
        if schema.type == "array":
            return self._take_array(name, schema)
        judge = self.judge(name, schema)
        to_text = self._to_text(schema, in_query=in_query)

        def take(value: object) -> Taken:
            if value.__class__ is str:
                text: str = value
                if not text.isascii() and (fault := unsendable(text)):
                    return fault
            else:
                encoded = to_text(value)
                if encoded.__class__ is not str:
                    return encoded
                text = encoded
            if judge is not None and (fault := judge(text)) is not None:
                return fault._replace(wire=text)
            return text

        return take

    def _to_text(self, schema: Schema, *, in_query: bool) -> Callable[[object], str | Fault | None]:
        """What turns a value that is no text into one; None where it is absent."""
        keys = self.keys(schema)
        named = schema.format if isinstance(schema.format, str) else ""
        joined = schema.type == "string" and is_list(named)

        def to_text(value: object) -> str | Fault | None:
            if isinstance(value, Mapping) and keys is not None:
                return encode.property_string(value, keys)
            if not encode.is_many(value):
                return encode.scalar(value)
            if named in _JSON_FORMATS:
                return encode.as_json(value)
            return _from_list(encode.members(value), joined=joined, in_query=in_query)  # type: ignore[arg-type]

        return to_text

    def _take_array(self, name: str, schema: Schema) -> Take:
        item = schema.items
        judge = self.judge(name, item) if item else None
        keys = self.keys(item) if item else None

        def to_text(value: object) -> str | Fault:
            if isinstance(value, Mapping) and keys is not None:
                return encode.property_string(value, keys)
            return Fault("type", "null stands in the list") if value is None else encode.scalar(value)

        def take(value: object) -> Taken:
            members: Sequence[object] = value if encode.is_many(value) else [value]
            texts: list[str] = []
            for member in members:
                text = to_text(member)
                if isinstance(text, Fault):
                    return text
                texts.append(text)
            if not texts:
                return None
            if len(texts) == 1 and not is_true(texts[0]):
                return Fault("type", f"{shown(texts[0])} alone is not taken for a list", texts)
            for position, text in enumerate(texts):
                if judge and (fault := judge(text)):
                    return fault._replace(message=f"{_nth(position, texts)}{fault.message}", wire=texts)
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
        secret = _is_secret(name) is not None
        quote = _hidden if secret else shown
        found = (
            _judge_type(schema.type, quote),
            self._judge_format(name, schema, quote),
            _judge_pattern(schema.pattern, quote),
            _judge_length(schema.min_length, schema.max_length),
            _judge_bounds(schema.minimum, schema.maximum, quote),
            _judge_enum(schema.enum, quote),
        )
        return _all_of(tuple(each for each in found if each))

    def _judge_format(self, name: str, schema: Schema, quote: Callable[[str], str]) -> Judge | None:
        keys = self.keys(schema)
        if not isinstance(schema.format, str):
            return PropertyString(keys, self.judge) if keys is not None else None
        key = (schema.format, quote is _hidden)
        if key not in self._named:
            if keys is not None:
                self._named[key] = PropertyString(keys, self.judge, VALIDATORS.get(schema.format))
            else:
                self._named[key] = _judge_named(self.format(schema.format), quote)
        return self._named[key]


def _from_list(texts: list[str] | Fault, *, joined: bool, in_query: bool) -> str | Fault | None:
    """A list for what is no array: joined where a list of texts is asked for, else the one that it holds."""
    if isinstance(texts, Fault):
        return texts
    if not texts:
        return "" if joined and not in_query else None
    if joined:
        return ",".join(texts)
    return texts[0] if len(texts) == 1 else Fault("type", "takes one value, not a list")


def _nth(position: int, texts: Sequence[str]) -> str:
    return f"[{position}]: " if len(texts) > 1 else ""


def _hidden(_: str) -> str:
    return "the value"


def _all_of(judges: tuple[Judge, ...]) -> Judge | None:
    """One judge out of several: the first fault counts."""
    if len(judges) <= 1:
        return judges[0] if judges else None
    if len(judges) == 2:
        first, second = judges
        return lambda text: first(text) or second(text)

    def judge(text: str) -> Fault | None:
        for each in judges:
            if fault := each(text):
                return fault
        return None

    return judge


def _judge_type(type_: str, quote: Callable[[str], str]) -> Judge | None:
    if type_ == "boolean":
        return lambda text: None if text in {"1", "0"} else Fault("type", f"{quote(text)} is not a boolean")
    if type_ == "integer":
        return lambda text: None if _is_integer(text) else Fault("type", f"{quote(text)} is not an integer")
    if type_ == "number":
        return lambda text: None if _is_number(text) else Fault("type", f"{quote(text)} is not a number")
    return None


def _judge_named(format_: Format | None, quote: Callable[[str], str]) -> Judge | None:
    if format_ is None:
        return None
    passes, wanted = format_
    return lambda text: None if passes(text) else Fault("format", f"{quote(text)} is not {wanted}")


def _judge_pattern(pattern: str | None, quote: Callable[[str], str]) -> Judge | None:
    if not pattern or (matches := anchored(pattern)) is None:
        return None
    return lambda text: None if matches(text) else Fault("pattern", f"{quote(text)} does not match the pattern")


def _judge_length(shortest: int | None, longest: int | None) -> Judge | None:
    if shortest is None and longest is None:
        return None
    least = shortest or 0
    most = float("inf") if longest is None else longest

    def judge(text: str) -> Fault | None:
        if least <= len(text) <= most:
            return None
        wanted = f"at most {longest}" if len(text) > most else f"at least {shortest}"
        return Fault("length", f"is {len(text)} characters long; {wanted} are allowed")

    return judge


def _judge_bounds(minimum: float | None, maximum: float | None, quote: Callable[[str], str]) -> Judge | None:
    if minimum is None and maximum is None:
        return None
    least = float("-inf") if minimum is None else minimum
    most = float("inf") if maximum is None else maximum

    def judge(text: str) -> Fault | None:
        if not _is_number(text) or least <= (value := number(text)) <= most:
            return None
        wanted = f"at most {maximum}" if value > most else f"at least {minimum}"
        return Fault("bound", f"{quote(text)} is out of bounds; it must be {wanted}")

    return judge


def _judge_enum(enum: tuple[str, ...], quote: Callable[[str], str]) -> Judge | None:
    if not enum:
        return None
    allowed = frozenset(enum)
    return lambda text: None if text in allowed else Fault("enum", f"{quote(text)} is not one of the values allowed")
