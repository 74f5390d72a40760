"""What is looked at in every session of a client with a scripted model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scripts.client_checks.check import expect, expect_tools

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_KINDS = {"string", "integer", "boolean", "object"}
_HARMFUL = {"anyOf", "oneOf", "allOf", "$ref", "$defs", "nullable"}
"""What has broken clients or models in a tool's schema."""


def expect_schemas(declared: Iterable[Mapping[str, Any]], prefix: str, key: str) -> None:
    """The tools as a client declares them to its model: all of ours, typed, described, with nothing harmful.

    ``prefix`` is what the client puts before our names; ``key`` is where it puts the schema. Raises UnexpectedError.
    """
    ours = {tool["name"].removeprefix(prefix): tool for tool in declared if tool["name"].startswith(prefix)}
    expect_tools(ours)
    for name, tool in ours.items():
        schema = tool.get(key) or {}
        expect(tool.get("description"), f"{name} should have a description")
        expect(_HARMFUL.isdisjoint(_keys(schema)), f"the schema of {name} should be plain", schema)
        for parameter, told in schema.get("properties", {}).items():
            well = str(told.get("type", "")).lower() in _KINDS and told.get("description")
            expect(well, f"{parameter} of {name} should be typed and described", told)


def _keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            yield from _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keys(value)
