"""Validators: each checks a text against one rule of a schema (``PVE::JSONSchema::check_prop``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.validation.faults import Fault
from proxmox_mcp.apidoc.validation.patterns import anchored
from proxmox_mcp.apidoc.validation.perl import number, split_list

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.formats import Format
    from proxmox_mcp.apidoc.model import Schema

Validator = Callable[[str], Fault | None]
"""Returns what is wrong with a text, None if it is valid."""

Quote = Callable[[str], str]
"""Formats a value for a message."""

_is_integer = re.compile(r"[+-]?\d+\n?").fullmatch
_is_number = re.compile(r"[+-]?(?:\d+\.\d+|\d+\.|\.\d+|\d+)(?:[eE][+-]?\d+)?\n?").fullmatch
_FLAGS = frozenset({"1", "0"})
_UNBOUNDED = (float("-inf"), float("inf"))


def first_fault(validators: tuple[Validator, ...]) -> Validator | None:
    """Combine validators into one that returns the first fault."""
    if len(validators) <= 1:
        return validators[0] if validators else None
    if len(validators) == 2:
        first, second = validators
        return lambda text: first(text) or second(text)

    def validate(text: str) -> Fault | None:
        for each in validators:
            if fault := each(text):
                return fault
        return None

    return validate


def type_validator(schema: Schema, quote: Quote) -> Validator | None:
    if schema.type == "boolean":
        return lambda text: None if text in _FLAGS else Fault("type", f"{quote(text)} is not a boolean")
    if schema.type == "integer":
        return _number_validator(_is_integer, "an integer", schema, quote)
    if schema.type == "number":
        return _number_validator(_is_number, "a number", schema, quote)
    return None


def _number_validator(is_one: Callable[[str], object], kind: str, schema: Schema, quote: Quote) -> Validator:
    least, most = _bounds(schema)
    if (least, most) == _UNBOUNDED:
        return lambda text: None if is_one(text) else Fault("type", f"{quote(text)} is not {kind}")

    def validate(text: str) -> Fault | None:
        if not is_one(text):
            return Fault("type", f"{quote(text)} is not {kind}")
        return None if least <= number(text) <= most else _out_of_bounds(schema, quote(text))

    return validate


def _bounds(schema: Schema) -> tuple[float, float]:
    least, most = _UNBOUNDED
    return least if schema.minimum is None else schema.minimum, most if schema.maximum is None else schema.maximum


def _out_of_bounds(schema: Schema, quoted: str) -> Fault:
    if schema.minimum is None or schema.maximum is None:
        wanted = f"at most {schema.maximum}" if schema.minimum is None else f"at least {schema.minimum}"
    else:
        wanted = f"{schema.minimum} to {schema.maximum}"
    return Fault("bound", f"{quoted} is out of range: {wanted}")


def named_validator(name: str, format_: Format | None, quote: Quote) -> Validator | None:
    if format_ is None:
        return None
    passes, member = format_.passes, format_.member

    def validate(text: str) -> Fault | None:
        if passes(text):
            return None
        elements = split_list(text) if member else []
        if member and len(elements) > 1 and (wrong := next((each for each in elements if not member(each)), None)):
            return Fault("format", f"{quote(wrong)} in the list does not have the format {name.rpartition('-')[0]}")
        return Fault("format", f"{quote(text)} does not have the format {name}")

    return validate


def pattern_validator(pattern: str | None, quote: Quote) -> Validator | None:
    if not pattern or (matches := anchored(pattern)) is None:
        return None
    return lambda text: None if matches(text) else Fault("pattern", f"{quote(text)} does not match the pattern")


def length_validator(shortest: int | None, longest: int | None) -> Validator | None:
    if shortest is None and longest is None:
        return None
    least = shortest or 0
    most = float("inf") if longest is None else longest

    def validate(text: str) -> Fault | None:
        if least <= len(text) <= most:
            return None
        wanted = f"at most {longest}" if len(text) > most else f"at least {shortest}"
        return Fault("length", f"has {len(text)} characters; {wanted} are allowed")

    return validate


def bounds_validator(schema: Schema, quote: Quote) -> Validator | None:
    """Bounds of a text parameter: Proxmox applies them if the text looks like a number."""
    least, most = _bounds(schema)
    if schema.type in {"integer", "number"} or (least, most) == _UNBOUNDED:
        return None

    def validate(text: str) -> Fault | None:
        if not _is_number(text) or least <= number(text) <= most:
            return None
        return _out_of_bounds(schema, quote(text))

    return validate


def enum_validator(enum: tuple[str, ...], quote: Quote) -> Validator | None:
    if not enum:
        return None
    allowed = frozenset(enum)
    return lambda text: None if text in allowed else Fault("enum", f"{quote(text)} is not an allowed value")
