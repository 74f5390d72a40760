"""The API as values that don't change: endpoints, their parameters, and what a check says of a call.

The terms are those of ``PVE::JSONSchema`` and ``PVE::RESTHandler`` (pve-common), whose dump ``apidoc.js`` is.
Values are read from facts: the plain, canonical form of the dump that ``facts.py`` makes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from proxmox_mcp.errors import ApidocFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Method = Literal["GET", "POST", "PUT", "DELETE"]

Scalar = str | int | float | bool | None

Wire = dict[str, str | list[str]]
"""Parameters as they are sent: text, or a list of texts for a key that is repeated (``type: array``)."""

_EMPTY: Mapping[str, Any] = MappingProxyType({})
_PATH_PARAMETER = re.compile(r"\{([^}]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One value, as ``PVE::JSONSchema`` describes it: a parameter, a member of a list, a key of a property string.

    ``type`` is ``string``, ``integer``, ``number``, ``boolean``, ``array``, ``object``, ``null``, or ``any`` where
    Proxmox gives none. ``format`` is a name (``pve-vmid``, ``pve-node-list``) or, for a property string, its keys.
    ``alias`` and ``key_alias`` belong to keys of property strings (``virtio=MAC`` is model and macaddr).
    ``one_of`` holds alternatives of 9.x, each for the ``instance_types`` it names; which one is meant says the
    parameter ``type_property``, itself described by ``type_property_schema`` where it is no plain parameter.
    ``enum`` members are text, as Proxmox compares them. ``additional_properties`` may be the schema of the others.
    ``renderer`` is how Proxmox shows the value (``bytes``, ``duration``, ``fraction_as_percentage``, ...).
    ``description`` is empty where the schema comes from a bundled snapshot.
    """

    type: str = "string"
    optional: bool = False
    description: str = ""
    default: Scalar = None
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | Mapping[str, Schema] | None = None
    items: Schema | None = None
    properties: Mapping[str, Schema] | None = None
    additional_properties: bool | Schema = True
    requires: str | None = None
    default_key: bool = False
    alias: str | None = None
    key_alias: str | None = None
    type_property: str | None = None
    type_property_schema: Schema | None = None
    instance_types: tuple[str, ...] = ()
    one_of: tuple[Schema, ...] = ()
    all_of: tuple[Schema, ...] = ()
    renderer: str = ""

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Self:
        """The schema that ``facts`` describe. Raises KeyError, TypeError or AttributeError on what are no facts."""
        values: dict[str, Any] = {"type": "any"}
        for key, value in facts.items():
            name, convert = _FIELDS[key]
            values[name] = convert(value) if convert else value
        return cls(**values)


def _schemas(facts: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Schema]:
    return MappingProxyType({name: Schema.read(each) for name, each in facts.items()})


def _alternatives(facts: Sequence[Mapping[str, Any]]) -> tuple[Schema, ...]:
    return tuple(Schema.read(each) for each in facts)


_FIELDS: Mapping[str, tuple[str, Callable[[Any], object] | None]] = {
    "type": ("type", None),
    "optional": ("optional", None),
    "description": ("description", None),
    "default": ("default", None),
    "enum": ("enum", tuple),
    "minimum": ("minimum", None),
    "maximum": ("maximum", None),
    "minLength": ("min_length", None),
    "maxLength": ("max_length", None),
    "pattern": ("pattern", None),
    "format": ("format", lambda value: value if isinstance(value, str) else _schemas(value)),
    "items": ("items", Schema.read),
    "properties": ("properties", _schemas),
    "additionalProperties": ("additional_properties", lambda value: value and Schema.read(value)),
    "requires": ("requires", None),
    "default_key": ("default_key", None),
    "alias": ("alias", None),
    "keyAlias": ("key_alias", None),
    "type-property": ("type_property", None),
    "type-property-schema": ("type_property_schema", Schema.read),
    "instance-types": ("instance_types", tuple),
    "oneOf": ("one_of", _alternatives),
    "allOf": ("all_of", _alternatives),
    "renderer": ("renderer", None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """Who may call an endpoint.

    ``user`` is ``"all"`` (any login), ``"world"`` (no login) or empty. ``check`` is Proxmox's own expression,
    nested tuples such as ``("and", ("perm", "/vms/{vmid}", ("VM.Clone",)), ...)``; empty where there is none
    (then only root@pam passes, unless ``user`` says otherwise). See ``PVE::RPCEnvironment::exec_api2_perm_check``.
    """

    user: str = ""
    check: tuple[Any, ...] = ()
    description: str = ""

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Self:
        """The permissions that ``facts`` describe."""
        return cls(
            user=facts.get("user", ""),
            check=_nested_tuple(facts.get("check", ())),
            description=facts.get("description", ""),
        )


def _nested_tuple(value: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(_nested_tuple(each) if isinstance(each, list) else each for each in value)


class _Details(NamedTuple):
    """What of an endpoint is read on first use."""

    description: str
    schema: Schema
    parameters: Mapping[str, Schema]
    returns: Schema
    permissions: Permissions
    allow_token: bool
    protected: bool
    proxy_to: str
    download_allowed: bool


@dataclass(frozen=True)
class Endpoint:
    """One method of one path template, such as ``POST /nodes/{node}/qemu/{vmid}/clone``.

    ``facts`` is its line of the index (JSON); all but method, path and name is read from it on first use, and
    raises ApidocFormatError if the line is damaged.
    """

    method: Method
    path: str
    name: str
    facts: bytes = field(repr=False)

    @cached_property
    def _details(self) -> _Details:
        try:
            facts = json.loads(self.facts)
            schema = Schema.read(facts["parameters"])
            return _Details(
                description=facts.get("description", ""),
                schema=schema,
                parameters=MappingProxyType(dict(_flat(schema))),
                returns=Schema.read(facts["returns"]),
                permissions=Permissions.read(facts.get("permissions", _EMPTY)),
                allow_token=facts.get("allowtoken", True),
                protected=facts.get("protected", False),
                proxy_to=facts.get("proxyto", ""),
                download_allowed=facts.get("download_allowed", False),
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ApidocFormatError(
                f"The index holds no sound description of {self.method} {self.path}.",
                "Build the index again: proxmox-mcp index",
            ) from error

    @property
    def description(self) -> str:
        """Proxmox's own words; empty where the index comes from a bundled snapshot."""
        return self._details.description

    @property
    def schema(self) -> Schema:
        """All parameters as one object; its ``all_of`` and ``one_of`` are what ``parameters`` flattens."""
        return self._details.schema

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Every parameter by name, those of the path too; indexed ones as ``net[n]``.

        Where 9.2 gives alternatives, a parameter that not all of them have is optional and names its
        ``instance_types``; one that they describe differently has them as ``one_of``.
        """
        return self._details.parameters

    @cached_property
    def path_parameters(self) -> tuple[str, ...]:
        """The names of the parameters of the path, in order."""
        return tuple(_PATH_PARAMETER.findall(self.path))

    @property
    def open(self) -> bool:
        """Whether parameters that the schema doesn't name are taken."""
        return _is_open(self._details.schema)

    @property
    def returns(self) -> Schema:
        """What ``data`` of the answer is."""
        return self._details.returns

    @property
    def permissions(self) -> Permissions:
        """Who may call it."""
        return self._details.permissions

    @property
    def allow_token(self) -> bool:
        """Whether an API token may call it at all (Proxmox answers 403 otherwise)."""
        return self._details.allow_token

    @property
    def protected(self) -> bool:
        """Whether it runs in the privileged daemon."""
        return self._details.protected

    @property
    def proxy_to(self) -> str:
        """The path parameter whose node answers; empty where any node does, or code decides."""
        return self._details.proxy_to

    @property
    def upload(self) -> bool:
        """Whether it takes a file as multipart (PVE::APIServer::AnyEvent hands it on as ``tmpfilename``)."""
        return "tmpfilename" in self.parameters

    @property
    def download(self) -> bool:
        """Whether it always answers with a file instead of JSON."""
        return self.path.endswith("/download")

    @property
    def download_allowed(self) -> bool:
        """Whether it may stream its answer as a file (the parameter ``download`` of task logs asks for it)."""
        return self._details.download_allowed

    @property
    def websocket(self) -> bool:
        """Whether it turns the connection into a websocket."""
        return self.path.endswith("websocket")


def _is_open(schema: Schema) -> bool:
    parts = (*schema.all_of, *schema.one_of)
    return all(_is_open(each) for each in parts) if parts else bool(schema.additional_properties)


def _flat(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """The parameters of an object, those of its parts and alternatives too."""
    yield from (schema.properties or _EMPTY).items()
    for part in schema.all_of:
        yield from _flat(part)
    if schema.one_of:
        if schema.type_property and schema.type_property_schema:
            yield schema.type_property, schema.type_property_schema
        yield from _merged(schema)


def _merged(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Each parameter of the alternatives once."""
    variants: dict[str, list[Schema]] = {}
    for alternative in schema.one_of:
        for name, each in _flat(alternative):
            marked = replace(each, type_property=schema.type_property, instance_types=alternative.instance_types)
            variants.setdefault(name, []).append(marked)
    for name, found in variants.items():
        everywhere = len(found) == len(schema.one_of)
        yield name, _one_for_all(found, required=everywhere and not any(each.optional for each in found))


def _one_for_all(variants: list[Schema], *, required: bool) -> Schema:
    first = variants[0]
    if all(replace(each, instance_types=first.instance_types) == first for each in variants):
        types = tuple(name for each in variants for name in each.instance_types)
        return replace(first, optional=not required, instance_types=types)
    return Schema(
        type=first.type if len({each.type for each in variants}) == 1 else "any",
        optional=not required,
        type_property=first.type_property,
        one_of=tuple(variants),
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a call.

    ``parameter`` is the name of the parameter at fault, ``path`` for the path and ``method`` for the method.
    ``kind`` is ``endpoint``, ``method``, ``unknown`` (parameter), ``missing``, ``conflict`` (path against body),
    ``requires``, ``type``, ``format``, ``pattern``, ``length``, ``bound``, ``enum`` or ``index``.
    ``message`` says what is wrong, ``hint`` what is allowed and the nearest right thing; hints are made when read.
    """

    parameter: str
    kind: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """What a check says of a call.

    ``data`` are the parameters encoded for the wire, without those of the path; ``path`` is the canonical path to
    send, each segment percent-encoded; both are only meaningful where ``ok``.
    """

    ok: bool
    endpoint: Endpoint | None
    path_params: Mapping[str, str]
    data: Wire
    path: str = ""
    problems: Sequence[Problem] = ()
