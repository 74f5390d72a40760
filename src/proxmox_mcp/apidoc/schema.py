"""The schema of one value: its type, bounds and format, as ``PVE::JSONSchema`` (pve-common) describes them.

Schemas are read from facts, the canonical form of Proxmox's dump (``facts.py``).
"""

# Tested through tests/apidoc/test_model.py.

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Scalar = str | int | float | bool | None

_EMPTY: Mapping[str, Any] = MappingProxyType({})


class Schema(Struct, frozen=True, kw_only=True):
    """The schema of a parameter, a list member or a key of a property string.

    ``type`` is ``string``, ``integer``, ``number``, ``boolean``, ``array``, ``object``, ``null``, or ``any`` if
    Proxmox gives no type. ``format`` is a name (``pve-vmid``, ``pve-node-list``) or, for a property string, its keys.
    ``alias`` and ``key_alias`` belong to keys of property strings (``virtio=MAC`` is model and macaddr).
    ``one_of`` holds alternatives (9.x), each for its ``instance_types``; the parameter ``type_property`` selects one,
    and is described by ``type_property_schema`` if it is not an ordinary parameter.
    ``enum`` members are text, because Proxmox compares them as text. ``additional_properties`` may be a schema.
    ``renderer`` is how Proxmox displays the value (``bytes``, ``duration``, ``fraction_as_percentage``, ...), ``unit``
    the unit of a returned number (``facts.py`` lists them); either is empty if unknown.
    ``description`` is empty if the schema comes from a bundled snapshot.
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
    unit: str = ""

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Self:
        """The schema that ``facts`` describe. Raises KeyError, TypeError or AttributeError for wrong facts."""
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
    "unit": ("unit", None),
}


def is_open(schema: Schema) -> bool:
    """Whether an object accepts properties that neither it nor its parts name."""
    parts = (*schema.all_of, *schema.one_of)
    return all(is_open(each) for each in parts) if parts else bool(schema.additional_properties)


def flat(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """The parameters of an object, including those of its parts and alternatives."""
    yield from (schema.properties or _EMPTY).items()
    for part in schema.all_of:
        yield from flat(part)
    if schema.one_of:
        if schema.type_property and schema.type_property_schema:
            yield schema.type_property, schema.type_property_schema
        yield from _merged(schema)


def _merged(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Each parameter of the alternatives, once."""
    variants: dict[str, list[Schema]] = {}
    for alternative in schema.one_of:
        for name, each in flat(alternative):
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
