"""Converts Proxmox's dump (``apidoc.js``) to canonical facts: plain JSON with one form for each thing.

Booleans are true or absent (``additionalProperties`` and ``allowtoken``: false or absent); bounds are numbers; members
of enumerations are text; keys that don't describe the API (``typetext``, ``links``, ...) are dropped. The other keys
keep Proxmox's names. Descriptions (``PROSE``) can be left out: the repository contains no text written by Proxmox.
The unit of a returned number, which only its description tells, is kept as a fact of its own (``unit``).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Facts = dict[str, Any]

PROSE = frozenset({"description"})
"""The keys whose values are sentences written by Proxmox."""

UNDECLARED_OPEN = frozenset(
    {
        ("GET", "/access/ticket"),
        ("GET", "/cluster/firewall"),
        ("GET", "/cluster/firewall/macros"),
        ("GET", "/cluster/firewall/options"),
        ("GET", "/cluster/notifications/matcher-field-values"),
        ("GET", "/cluster/qemu/custom-cpu-models"),
        ("PUT", "/cluster/sdn"),  # up to 8.4; since 9.0 it has parameters
    }
)
"""Methods that take any parameter although the dump says ``additionalProperties: 0``.

Their code has no ``properties`` at all, so ``PVE::JSONSchema`` checks nothing; the dump omits empty ``properties``, so
they look like methods without parameters. Read in Proxmox's code.
"""

_WORDS = re.compile(r"\S+(, ?\S+)*")
_NUMERIC = frozenset({"integer", "number", "boolean"})

_UNITS = (
    ("epoch", re.compile(r"\bepoch\b|\btime ?stamp\b", re.IGNORECASE)),
    ("minutes", re.compile(r"\bin minutes\b|\(minutes\)", re.IGNORECASE)),
    ("seconds", re.compile(r"\bin seconds\b|\(seconds\)", re.IGNORECASE)),
    ("KiB/s", re.compile(r"\b[Kk]i?B/s")),
    ("MiB/s", re.compile(r"\bMi?B/s|\bmegabytes per second\b")),
    ("KiB", re.compile(r"\bin [Kk]i?B\b")),
    ("MiB", re.compile(r"\bin Mi?B\b")),
    ("bytes", re.compile(r"\bbytes\b", re.IGNORECASE)),
    ("percent", re.compile(r"\bin percent\b", re.IGNORECASE)),
)
"""The units of numbers, and the words of a description that tell them; the first that fits. Proxmox writes MB and
means MiB (``PVE::QemuServer``: ``memory`` times 1,048,576)."""


def endpoint_facts(method: str, path: str, info: Mapping[str, Any]) -> Facts:
    """The canonical facts of one method (``info`` of the dump) of one path template.

    Raises TypeError, ValueError or AttributeError if ``info`` does not have the structure of Proxmox's dump.
    """
    facts: Facts = {"method": method, "path": _plain(path), "name": _plain(info.get("name") or "")}
    if description := info.get("description"):
        facts["description"] = _text(description)
    if (proxy_to := info.get("proxyto")) is not None:
        facts["proxyto"] = _text(proxy_to)
    facts |= {key: True for key in ("protected", "download_allowed") if _boolean(info.get(key))}
    if not _boolean(info.get("allowtoken", 1)):
        facts["allowtoken"] = False
    if permissions := info.get("permissions"):
        facts["permissions"] = _permissions(permissions)
    parameters = schema_facts(info.get("parameters") or {}) | {"type": "object"}
    if (method, path) in UNDECLARED_OPEN and not parameters.get("properties"):
        parameters.pop("additionalProperties", None)
    facts["parameters"] = parameters
    facts["returns"] = _with_units(schema_facts(info.get("returns") or {}))
    return facts


def unit_of(description: str) -> str:
    """The unit of a number, by the words of its description; empty if they tell none."""
    return next((unit for unit, words in _UNITS if words.search(description)), "")


def _with_units(facts: Facts) -> Facts:
    """The facts of a returned value with the units of its numbers."""
    changed = dict(facts)
    if facts.get("type") in ("integer", "number") and (unit := unit_of(facts.get("description", ""))):
        changed["unit"] = unit
    if isinstance(items := facts.get("items"), dict):
        changed["items"] = _with_units(items)
    if isinstance(properties := facts.get("properties"), dict):
        changed["properties"] = {name: _with_units(each) for name, each in properties.items()}
    return changed | {key: [_with_units(each) for each in facts[key]] for key in _LISTED if key in facts}


def schema_facts(raw: Mapping[str, Any]) -> Facts:
    """The canonical facts of one schema of the dump. Raises like ``endpoint_facts``."""
    facts: Facts = {}
    for key, value in raw.items():
        keep = _KEEP.get(key)
        if keep and value is not None and (kept := keep(value)) is not None:
            facts[_RENAMED.get(key, key)] = kept
    if "type" not in facts and facts.keys() & {"properties", "allOf", "oneOf"}:
        facts["type"] = "object"
    if facts.get("type") in _NUMERIC and isinstance(facts.get("default"), str):
        facts["default"] = _number_or_text(facts["default"])
    return facts


def without_prose(facts: Facts) -> Facts:
    """The facts without sentences written by Proxmox, including those given as a default value."""
    kept: Facts = {}
    for key, value in facts.items():
        if key in PROSE or (key == "default" and isinstance(value, str) and not _WORDS.fullmatch(value)):
            continue
        if key in _NAMED and isinstance(value, dict):
            kept[key] = {name: without_prose(each) for name, each in value.items()}
        elif isinstance(value, dict):
            kept[key] = without_prose(value)
        elif key in _LISTED:
            kept[key] = [without_prose(each) for each in value]
        else:
            kept[key] = value
    return kept


def _permissions(raw: Mapping[str, Any]) -> Facts:
    readers = {"check": _list, "description": _text, "user": _text}
    return {key: read(raw[key]) for key, read in readers.items() if raw.get(key)}


def _plain(value: object) -> str:
    """Text that needs no escapes in JSON, so that the start of a line can be read without parsing it."""
    text = _text(value)
    if not (text.isascii() and text.isprintable()) or '"' in text or "\\" in text:
        raise ValueError(f"expected plain text, not {text!r}")
    return text


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, not {value!r}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, not {value!r}")
    return value


def _boolean(value: object) -> bool:
    """A boolean of Perl (0, 1, sometimes as text), or of JSON in newer dumps."""
    return value not in (None, 0, "0", "", False)


def _true(value: object) -> bool | None:
    return _boolean(value) or None


def _number(value: object) -> float | int:
    number = float(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TypeError(f"expected a number, not {value!r}")
    return int(number) if number == int(number) else number


def _number_or_text(value: str) -> float | int | str:
    try:
        return _number(value)
    except (ValueError, OverflowError):
        return value


def _scalar(value: object) -> object:
    return value if isinstance(value, str | int | float) else None


def _texts(value: object) -> list[str]:
    return [each if isinstance(each, str) else str(_number(each)) for each in _list(value) if each is not None]


def _named(value: Mapping[str, Mapping[str, Any]]) -> Facts:
    return {name: schema_facts(each) for name, each in value.items()}


def _listed(value: object) -> list[Facts]:
    return [schema_facts(each) for each in _list(value)]


def _others(value: object) -> Facts | bool | None:
    if isinstance(value, dict):
        return schema_facts(value)
    return None if _boolean(value) else False


def _format(value: object) -> Facts | str:
    return _named(value) if isinstance(value, dict) else _text(value)


_NAMED = frozenset({"properties", "format"})
_LISTED = frozenset({"oneOf", "allOf"})

_RENAMED = {"instance-type": "instance-types"}

_KEEP: Mapping[str, Callable[[Any], Any]] = {
    "type": _text,
    "optional": _true,
    "description": _text,
    "default": _scalar,
    "enum": _texts,
    "minimum": _number,
    "maximum": _number,
    "minLength": _number,
    "maxLength": _number,
    "pattern": _text,
    "format": _format,
    "items": schema_facts,
    "properties": _named,
    "additionalProperties": _others,
    "requires": _text,
    "default_key": _true,
    "alias": _text,
    "keyAlias": _text,
    "type-property": _text,
    "type-property-schema": schema_facts,
    "instance-type": lambda value: [_text(value)],
    "instance-types": _texts,
    "oneOf": _listed,
    "allOf": _listed,
    "renderer": _text,
}


def encode(facts: Facts) -> bytes:
    """The facts of an endpoint as one line: method, path and name first, then the other keys, sorted."""
    first = {key: facts[key] for key in _HEAD}
    others = {key: value for key, value in facts.items() if key not in first}
    head = json.dumps(first, separators=(",", ":"))
    tail = json.dumps(others, separators=(",", ":"), sort_keys=True)
    return f"{head[:-1]},{tail[1:]}".encode()


def facts_only(line: bytes) -> bytes:
    """The line of an endpoint without sentences written by Proxmox."""
    return encode(without_prose(json.loads(line)))


_HEAD = ("method", "path", "name")
