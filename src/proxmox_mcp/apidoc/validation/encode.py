"""Encodes JSON values as Proxmox expects them: text, in a form (POST, PUT) or a query (GET, DELETE).

proxmoxer does not do this: it sends ``True`` for true, loses nested objects and drops empty lists. Here true is 1, null
is absent, a list is joined for a ``-list`` format and repeated for an array, an object becomes a property string. Text
is sent unchanged. A value without a form in Proxmox (an object for a plain text) is sent as JSON text. The few arrays
that a form can't contain make the whole body JSON (``needs_json``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeGuard

from proxmox_mcp.apidoc.validation.faults import Fault, unsendable
from proxmox_mcp.apidoc.validation.perl import is_true, text_of_number

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.model import Schema, Wire

IN_QUERY = frozenset({"GET", "DELETE"})
"""The methods whose parameters go into the query string: Proxmox responds 501 to their body."""

_BETWEEN_MEMBERS = ";"


def is_many(value: object) -> TypeGuard[Sequence[object]]:
    """Whether a value is a list."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def scalar(value: object) -> str | Fault:
    """One value (not null) as text."""
    if isinstance(value, str):
        return unsendable(value) or str(value)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return text_of_number(value) if math.isfinite(value) else Fault("unsendable", "is not a finite number")
    if isinstance(value, Mapping) or is_many(value):
        return as_json(value)
    return Fault("unsendable", f"is a {type(value).__name__}, which JSON does not have")


def _integer(value: int) -> str | Fault:
    try:
        return str(int(value))
    except ValueError:
        return Fault("unsendable", "has too many digits")


def as_json(value: object) -> str | Fault:
    """An object or a list as JSON text."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return Fault(
            "unsendable",
            "can't be encoded as JSON: it is nested too deeply, or contains a type that JSON does not have",
        )


def members(value: Sequence[object]) -> list[str] | Fault:
    """The members of a list as texts."""
    texts: list[str] = []
    for member in value:
        text = Fault("type", "contains null") if member is None else scalar(member)
        if isinstance(text, Fault):
            return text
        texts.append(text)
    return texts


def by_type(value: object, *, in_query: bool) -> str | list[str] | Fault | None:
    """Encode a value without a schema; None if it counts as absent."""
    if value is None:
        return None
    if not is_many(value):
        return scalar(value)
    if in_query and not value:
        return Fault("unsendable", "an empty list can't be sent in a query string; leave the parameter out")
    return members(value)


def needs_json(data: Wire) -> bool:
    """Whether the parameters need a JSON body because a form can't contain them.

    In a form a list is a repeated key: an empty list is lost, and from a single member Proxmox makes a list only if
    Perl considers it true (``$normalize_legacy_param_formats`` in PVE::RESTHandler). A JSON body keeps both. Proxmox
    accepts JSON since 6.3, and forwards it to other daemons and nodes since 8.0 (libpve-http-server-perl 5.0.2); no
    release before 8.0 has a parameter of ``type: array``.
    """
    return any(isinstance(value, list) and not is_carried_by_form(value) for value in data.values())


def is_carried_by_form(texts: Sequence[str]) -> bool:
    """Whether Proxmox receives the same list from a form or a query."""
    return len(texts) > 1 or (len(texts) == 1 and is_true(texts[0]))


def property_string(value: Mapping[object, object], keys: Mapping[str, Schema]) -> str | Fault:
    """An object as a property string.

    A key with null is left out if the format has the key. If not, or if the key is an alias that sets the default key
    (``{"virtio": null, "bridge": "vmbr0"}``), it becomes a value without a key.
    """
    parts: list[str] = []
    for key, each in value.items():
        if not isinstance(key, str) or not key or "," in key:
            return Fault("format", f"has a key that is not possible in a property string: {key!r:.60}")
        if each is None:
            if (schema := keys.get(key)) is None or schema.key_alias:
                parts.append(key)
            continue
        text = _value_of_key(each)
        if isinstance(text, Fault):
            return Fault(text.kind, f"{key}: {text.message}", key=key)
        if "," in text or "=" in key:
            return Fault("format", f"{key}: a value in a property string can't contain a comma", key=key)
        parts.append(f"{key}={text}")
    joined = ",".join(parts)
    return unsendable(joined) or joined


def _value_of_key(value: object) -> str | Fault:
    if isinstance(value, Mapping):
        return Fault("type", "a property string can't contain an object")
    if not is_many(value):
        return scalar(value)
    texts = members(value)
    return texts if isinstance(texts, Fault) else _BETWEEN_MEMBERS.join(texts)
