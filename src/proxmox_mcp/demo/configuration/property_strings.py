"""Property strings (``key=value,...``) as Proxmox shows them where a GET decodes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakepve import schema as pve_schema

if TYPE_CHECKING:
    from collections.abc import Mapping


def formats_of(path: str) -> dict[str, dict[str, Any]]:
    """The formats of those parameters of ``PUT`` on a path that are property strings, by parameter."""
    properties = pve_schema.load().paths[path]["PUT"]["parameters"]["properties"]
    formats = {}
    for name, declared in properties.items():
        named = declared.get("format")
        keys = pve_schema.registered(named) if isinstance(named, str) else named
        if isinstance(keys, dict):
            formats[name] = keys
    return formats


def decoded(keys: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The parts of a property string; booleans as 0 and 1, all else as text."""
    default = next((key for key, declared in keys.items() if declared.get("default_key")), "")
    parts: dict[str, Any] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key, value = (key, value) if equals else (default, part)
        key = keys.get(key, {}).get("alias", key)
        boolean = keys.get(key, {}).get("type") == "boolean"
        parts[key] = int(pve_schema.parse_boolean(value) or 0) if boolean else value
    return parts


def encoded(parts: Mapping[str, Any]) -> str:
    """Back to a property string, in the order in which Proxmox prints it."""
    return ",".join(f"{key}={parts[key]}" for key in sorted(parts))
