"""What one endpoint asks of its parameters, compiled as far as calls have used it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.model import Schema
from proxmox_mcp.apidoc.structures import LAST_INDEX, indexed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxmox_mcp.apidoc.compile import Compiler, Take
    from proxmox_mcp.apidoc.model import Endpoint


class Takes(dict[str, "Take"]):
    """What takes the values of each parameter, made when first asked for. KeyError for an unknown parameter."""

    def __init__(self, compiler: Compiler, parameters: Mapping[str, Schema], *, in_query: bool) -> None:
        super().__init__()
        self._compiler = compiler
        self._parameters = parameters
        self._in_query = in_query

    def __missing__(self, name: str) -> Take:
        if name.endswith("[n]") or (schema := self._parameters.get(name)) is None:
            schema = self._indexed(name)
        take = self[name] = self._compiler.take(name, schema, in_query=self._in_query)
        return take

    def _indexed(self, name: str) -> Schema:
        found = indexed(name)
        if found is None or found[1] > LAST_INDEX.get(found[0].removesuffix("[n]"), found[1]):
            raise KeyError(name)
        return self._parameters[found[0]]


@dataclass(frozen=True)
class Rules:
    """The rules of an endpoint, or of it for one of its types: see ``Plan``."""

    parameters: Mapping[str, Schema]
    takes: Takes
    required: tuple[str, ...]
    requires: tuple[tuple[str, str], ...]
    open: bool


class Plan:
    """All rules of an endpoint: a set of them for each type, where parameters depend on one (``type-property``)."""

    def __init__(self, endpoint: Endpoint, compiler: Compiler) -> None:
        self.endpoint = endpoint
        self.type_property = _type_property(endpoint.schema)
        self._compiler = compiler
        self._by_type: dict[str | None, Rules] = {}

    @cached_property
    def plain(self) -> Rules:
        """The rules where no type is known."""
        return self._rules(None)

    def for_type(self, value: object) -> Rules:
        """The rules for the value of the type property."""
        type_ = value if isinstance(value, str) and value in self._types else None
        if type_ not in self._by_type:
            self._by_type[type_] = self._rules(type_)
        return self._by_type[type_]

    @cached_property
    def _types(self) -> frozenset[str]:
        return frozenset(_types(self.endpoint.schema))

    def _rules(self, type_: str | None) -> Rules:
        parameters = dict(_effective(self.endpoint.schema, type_))
        in_query = self.endpoint.method in {"GET", "DELETE"}
        return Rules(
            parameters=parameters,
            takes=Takes(self._compiler, parameters, in_query=in_query),
            required=tuple(name for name, schema in parameters.items() if not schema.optional),
            requires=tuple((name, schema.requires) for name, schema in parameters.items() if schema.requires),
            open=self.endpoint.open,
        )


def _type_property(schema: Schema) -> str | None:
    """The parameter that others depend on."""
    if schema.type_property:
        return schema.type_property
    below = (*(schema.properties or {}).values(), *schema.all_of)
    return next((found for each in below if (found := _type_property(each))), None)


def _types(schema: Schema) -> Iterator[str]:
    yield from schema.instance_types
    for each in (*(schema.properties or {}).values(), *schema.all_of, *schema.one_of):
        yield from _types(each)


def _effective(schema: Schema, type_: str | None) -> Iterator[tuple[str, Schema]]:
    """The parameters that there are for a type. Where it isn't known, those of every type, none of them required."""
    for name, each in (schema.properties or {}).items():
        if (found := _for_type(each, type_)) is not None:
            yield name, found
    for part in schema.all_of:
        yield from _effective(part, type_)
    if schema.one_of and schema.type_property:
        if schema.type_property_schema:
            yield schema.type_property, replace(schema.type_property_schema, optional=schema.optional)
        for variant in schema.one_of:
            if type_ in variant.instance_types:
                yield from _effective(variant, type_)
            elif type_ is None:
                yield from ((name, replace(each, optional=True)) for name, each in _effective(variant, None))


def _for_type(schema: Schema, type_: str | None) -> Schema | None:
    """One parameter as it is for a type (``PVE::JSONSchema::check_prop``, the part on ``oneOf``)."""
    if schema.one_of and schema.type_property:
        for alternative in schema.one_of:
            if type_ in alternative.instance_types:
                return alternative
        return replace(schema, optional=True, one_of=())
    if schema.type_property and type_ is not None and type_ not in schema.instance_types:
        return replace(schema, optional=True)
    return schema
