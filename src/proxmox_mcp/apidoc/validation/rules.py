"""The rules of one endpoint for its parameters, compiled when a call first needs them."""

# Tested through tests/apidoc/validation/test_checker.py.

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.model import Schema
from proxmox_mcp.apidoc.validation.encode import IN_QUERY, is_many
from proxmox_mcp.apidoc.validation.structures import LAST_INDEX, indexed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxmox_mcp.apidoc.model import Endpoint
    from proxmox_mcp.apidoc.validation.compiler import Compiler, Encoder


class Encoders(dict[str, "Encoder | None"]):
    """The encoder of each parameter, built on first use; None for an unknown parameter."""

    def __init__(self, compiler: Compiler, parameters: Mapping[str, Schema], *, in_query: bool) -> None:
        super().__init__()
        self._compiler = compiler
        self._parameters = parameters
        self._in_query = in_query

    def __missing__(self, name: str) -> Encoder | None:
        schema = self._schema(name)
        if schema is None:
            return None
        encode_value = self[name] = self._compiler.encoder(name, schema, in_query=self._in_query)
        return encode_value

    def _schema(self, name: object) -> Schema | None:
        if not isinstance(name, str):
            return None
        found = indexed(name)
        if found and found[0] in self._parameters:
            base, position = found
            return self._parameters[base] if position <= LAST_INDEX.get(base.removesuffix("[n]"), position) else None
        return None if name.endswith("[n]") else self._parameters.get(name)


class Rules(Struct, frozen=True):
    """The rules of an endpoint, or of one of its types (see ``Plan``).

    ``required`` are the required parameters other than those of the path, ``requires`` the parameter that a parameter
    needs. ``accepted`` caches valid texts of the path parameters. ``filled_in`` are required parameters that the node
    may derive from the others if they are missing.
    """

    endpoint: Endpoint
    parameters: Mapping[str, Schema]
    encoders: Encoders
    accepted: Mapping[str, set[str]]
    required: frozenset[str]
    requires: Mapping[str, str]
    filled_in: frozenset[str]


class Plan:
    """All rules of an endpoint: one set for each type if parameters depend on a type (``type-property``)."""

    def __init__(self, endpoint: Endpoint, compiler: Compiler) -> None:
        self.endpoint = endpoint
        self.type_property = _type_property(endpoint.schema)
        self._compiler = compiler
        self._by_type: dict[str | None, Rules] = {}

    @cached_property
    def plain(self) -> Rules:
        """The rules if no type is known."""
        return self._rules(None)

    def for_type(self, value: object) -> Rules:
        """The rules for the value of the type property."""
        if is_many(value) and len(value) == 1:
            value = value[0]
        type_ = value if isinstance(value, str) and value in self._types else None
        if type_ not in self._by_type:
            self._by_type[type_] = self._rules(type_)
        return self._by_type[type_]

    @cached_property
    def _types(self) -> frozenset[str]:
        return frozenset(_types(self.endpoint.schema))

    def _rules(self, type_: str | None) -> Rules:
        in_path = self.endpoint.path_parameters
        parameters = {name: Schema() for name in in_path} | dict(_effective(self.endpoint.schema, type_))
        in_query = self.endpoint.method in IN_QUERY
        return Rules(
            endpoint=self.endpoint,
            parameters=parameters,
            encoders=Encoders(self._compiler, parameters, in_query=in_query),
            accepted={name: self._compiler.accepted(name, parameters[name]) for name in in_path},
            required=frozenset(name for name, each in parameters.items() if not each.optional).difference(in_path),
            requires={name: each.requires for name, each in parameters.items() if each.requires},
            filled_in=_RESOLVED if _may_resolve_type(self.endpoint.schema) else frozenset(),
        )


_RESOLVED = frozenset({"type"})


def _may_resolve_type(schema: Schema) -> bool:
    """Whether the code of a method may derive the parameter ``type`` from the others.

    Since libpve-common-perl 9.1.21 a method whose schema is a ``oneOf`` by type may have a ``resolve_type``, so that
    clients that never sent a type keep working (PVE::RESTHandler::handle). The dump does not say which methods do.
    """
    by_type = bool(schema.one_of) and schema.type_property in _RESOLVED and schema.type_property_schema is not None
    return by_type or any(map(_may_resolve_type, schema.all_of))


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
    """The parameters of a type; if the type is unknown, those of all types, as optional."""
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
    """One parameter for a type (``PVE::JSONSchema::check_prop``, the part about ``oneOf``)."""
    if schema.one_of and schema.type_property:
        for alternative in schema.one_of:
            if type_ in alternative.instance_types:
                return alternative
        return replace(schema, optional=True, one_of=())
    if schema.type_property and type_ is not None and type_ not in schema.instance_types:
        return replace(schema, optional=True)
    return schema
