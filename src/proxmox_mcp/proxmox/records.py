"""Fields of Proxmox's records, which JSON may give in another type, or not at all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Record = dict[str, Any]


def records(data: Any) -> list[Record]:
    """The objects in a list; empty for anything else."""
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def text(record: Mapping[str, Any], name: str) -> str:
    """A field as text; empty where it is missing."""
    value = record.get(name)
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def number(record: Mapping[str, Any], name: str) -> float | None:
    """A field as a number; None if it is missing or not a number."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def flag(record: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """A boolean as Proxmox writes it: 1 or 0, as a number or as text."""
    value = record.get(name)
    return default if value is None else str(value) in ("1", "True", "true")
