"""Schemas as text for a model: types in few characters, alike ones folded, each property string spelled out once.

``bool=1`` is a boolean whose default is 1, ``int 0..128`` a bounded integer, ``a|b`` an enumeration, ``/x/`` a pattern,
``<disk-size>`` a named format of Proxmox, ``{...}`` a property string (``key=value,key=value``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.apidoc.reference.folding import beginnings, fold_names
from proxmox_mcp.apidoc.reference.perl_patterns import readable
from proxmox_mcp.apidoc.validation.structures import LAST_INDEX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from proxmox_mcp.apidoc.model import Schema

Keys = Mapping[str, "Schema"]

_TYPES = {"boolean": "bool", "integer": "int", "number": "number", "string": "text", "any": "any"}
_ALIKE = 0.5
_FEW = 2
_MANY = 64
_BRIEF, _SHORT_PATTERN = 44, 24


def folded(name: str) -> str:
    """``net[n]`` as ``net[0-31]``, where the bound is known."""
    base = name.removesuffix("[n]")
    return f"{base}[0-{LAST_INDEX[base]}]" if base != name and base in LAST_INDEX else name


def keys_of(schema: Schema, structures: Mapping[str, Keys]) -> Keys | None:
    """The keys of a property string, where ``format`` gives or names them."""
    if isinstance(schema.format, str):
        return structures.get(schema.format)
    return schema.format


def plain(schema: Schema, *, inside: bool = False) -> str:
    """The type of a value in few characters, with its default and what else limits it.

    Very many names ``inside`` a property string are given by their beginnings: CPU models, a node may have
    more of them.
    """
    if schema.one_of:
        variants = (f"{plain(each)} ({', '.join(each.instance_types)})" for each in schema.one_of)
        return " or ".join(dict.fromkeys(variants))
    text = _bare(schema, inside=inside)
    if schema.default is not None:
        text += f"={schema.default}"
    if schema.requires:
        text += f" (with {schema.requires})"
    if schema.instance_types:
        text += f" ({', '.join(schema.instance_types)})"
    return text


def brief(schema: Schema, keys: Keys | None = None, asked: Collection[str] = (), most: int = _BRIEF) -> str:
    """The type of a value for a list of search results: enough for a simple call, in about ``most`` characters.

    Any text is nothing. The values of an enumeration that are ``asked`` for come first, as do the required keys of a
    property string. Lengths and long patterns are left out: the check of a call tells them where they matter.
    """
    if keys is not None:
        return _brief_keys(keys, most)
    if schema.type == "array":
        of_items = brief(schema.items) if schema.items else ""
        return f"list of {of_items}" if of_items else "list"
    if schema.one_of:
        return brief(schema.one_of[0], None, asked, most)
    if schema.enum:
        first = [value for value in schema.enum if value in asked]
        return _cut([*first, *fold_names(value for value in schema.enum if value not in first)], "|", most)
    if isinstance(schema.format, str):
        return f"<{schema.format.removeprefix('pve-')}>"
    if schema.pattern and len(pattern := readable(schema.pattern)) <= _SHORT_PATTERN:
        return f"/{pattern}/"
    if schema.type == "string":
        return ""
    return _TYPES.get(schema.type, schema.type) + (_bounds(schema.minimum, schema.maximum) if schema.maximum else "")


def _brief_keys(keys: Keys, most: int) -> str:
    """The keys of a property string: the one that may be left out and the required ones, or else as many as fit."""
    own = {key: each for key, each in keys.items() if not (each.alias or each.key_alias)}
    default = [f"[{key}=]{brief(each, most=most // 2)}" for key, each in own.items() if each.default_key]
    required = [f"{key}*" for key, each in own.items() if not (each.optional or each.default_key)]
    optional = [key for key, each in own.items() if each.optional and not each.default_key]
    if default and optional:
        optional = ["…"]
    return "{" + _cut([*default, *required, *optional], ", ", most) + "}"


def _cut(parts: Sequence[str], separator: str, most: int) -> str:
    """The parts until the text is long enough, the first in any case."""
    text, *rest = parts or [""]
    for part in rest:
        if len(text) + len(part) > most:
            return f"{text}{separator}…"
        text += separator + part
    return text


def _bare(schema: Schema, *, inside: bool) -> str:
    if schema.type == "array":
        return f"array of {plain(schema.items)}" if schema.items else "array"
    if schema.enum:
        return "|".join(beginnings(schema.enum) if inside and len(schema.enum) > _MANY else fold_names(schema.enum))
    if schema.type == "object":
        return "object"
    text = f"<{schema.format.removeprefix('pve-')}>" if isinstance(schema.format, str) else ""
    if not text:
        text = f"/{readable(schema.pattern)}/" if schema.pattern else _TYPES.get(schema.type, schema.type)
    return text + _bounds(schema.minimum, schema.maximum) + _length(schema)


def _bounds(least: float | None, most: float | None) -> str:
    if least is None and most is None:
        return ""
    return f" {'' if least is None else f'{least:g}' if abs(least) < 1e6 else int(least)}..{_most(most)}"


def _most(most: float | None) -> str:
    return "" if most is None else str(int(most)) if most == int(most) else str(most)


def _length(schema: Schema) -> str:
    if schema.min_length is None and schema.max_length is None:
        return ""
    return f" {'' if schema.min_length is None else schema.min_length}..{schema.max_length or ''} chars"


class Shape(Struct, frozen=True):
    """The property string of one parameter, which others refer to as ``@name``."""

    name: str
    keys: Keys


def property_string(keys: Keys, shape: Shape | None = None) -> str:
    """The keys of a property string between braces, those of one type together; ``*`` marks what is required.

    Of the keys of ``shape`` only those that differ are listed.
    """
    own = {key: each for key, each in keys.items() if not shape or shape.keys.get(key) != each}
    parts = []
    if shape:
        without = ", ".join(fold_names(key for key in shape.keys if key not in keys))
        parts.append(f"@{shape.name}{' without ' if without else ''}{without}")
    default = next((key for key, each in own.items() if each.default_key), "")
    if default:
        each = own.pop(default)
        parts.append(f"[{default}=]{plain(each)}{'' if each.optional else '*'}")
    return "{" + "; ".join([*parts, *_listed(own)]) + "}"


def _listed(keys: Keys) -> list[str]:
    by_type: dict[str, list[str]] = {}
    aliases: list[str] = []
    for key, each in keys.items():
        if each.key_alias:
            by_type.setdefault(f"MODEL={each.alias}", [])
        elif each.alias:
            aliases.append(f"{key}={each.alias}")
        else:
            by_type.setdefault(plain(each, inside=True), []).append(key + ("" if each.optional else "*"))
    if aliases:
        by_type[f"aliases {', '.join(aliases)}"] = []
    return [f"{', '.join(fold_names(names))} {text}".lstrip() for text, names in by_type.items()]


def shared_shapes(found: Mapping[str, Keys]) -> dict[str, Shape]:
    """For each parameter that has most of its keys in common with others: the one of them with the shortest text."""
    groups: list[list[str]] = []
    for name in found:
        group = next((group for group in groups if _alike(found[group[0]], found[name])), None)
        if group is None:
            groups.append([name])
        else:
            group.append(name)
    return {name: shape for group in groups if len(group) > 1 for name, shape in _referring(group, found).items()}


def _alike(one: Keys, other: Keys) -> bool:
    common = sum(one.get(key) == each for key, each in other.items())
    return common > max(_FEW, _ALIKE * max(len(one), len(other)))


def _referring(group: list[str], found: Mapping[str, Keys]) -> dict[str, Shape]:
    shapes = [Shape(name.removesuffix("[n]"), found[name]) for name in group]
    best = min(shapes, key=lambda shape: sum(len(property_string(found[name], shape)) for name in group))
    return {name: best for name in group if found[name] is not best.keys}


def together(lines: Iterable[tuple[str, str]]) -> list[str]:
    """Names of one type in one line, in the order of the first of each."""
    by_text: dict[str, list[str]] = {}
    for name, text in lines:
        by_text.setdefault(text, []).append(name)
    return [f"{', '.join(names)}: {text}" for text, names in by_text.items()]
