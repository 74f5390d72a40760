"""Shortens nested values by leaving out whole members, so that the rest is still JSON.

A member that is left out is replaced by a text that starts with ``…`` and counts it. Its path is kept, so that
``fields=`` can ask for it.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from proxmox_mcp.render.cells import compact_json, cut

MORE = "…"
"""The key that counts the keys left out, and the start of each count."""
MORE_ITEMS = " more items"
"""The end of the entry that counts the rest of a list."""

_SMALLEST = 24
"""A member with fewer characters than this available is only counted."""


class Pruned(Struct, frozen=True):
    """The shortened value, and the dotted paths of the members that were cut or left out."""

    value: Any
    left_out: tuple[str, ...] = ()


def prune(value: Any, longest: int) -> Pruned:
    """Shorten ``value`` to about ``longest`` characters of JSON; the counts may add a few."""
    left_out: list[str] = []
    return Pruned(_prune(value, longest, "", left_out), tuple(left_out))


def count_of(value: Any) -> str:
    """The size of a value in words: ``12 keys``, ``340 items``, ``1234 characters``."""
    if isinstance(value, dict):
        return f"{len(value)} keys"
    if isinstance(value, (list, tuple)):
        return f"{len(value)} items"
    return f"{len(str(value))} characters"


def _size(value: Any, longest: int) -> int:
    """The length of a value as JSON. A text over ``longest`` is not encoded: its own length is enough to know."""
    return len(value) if isinstance(value, str) and len(value) > longest else len(compact_json(value))


def _prune(value: Any, longest: int, path: str, left_out: list[str]) -> Any:
    if _size(value, longest) <= longest:
        return value
    left_out.append(path)
    if longest < _SMALLEST:
        return f"…{count_of(value)}"
    if isinstance(value, dict):
        return _prune_object(value, longest, path, left_out)
    if isinstance(value, (list, tuple)):
        return _prune_list(value, longest, path)
    return cut(str(value), longest - 14)


def _prune_object(value: dict[str, Any], longest: int, path: str, left_out: list[str]) -> dict[str, Any]:
    """Small members stay whole; the others share what is left."""
    sizes = {key: _size(member, longest) + len(key) + 4 for key, member in value.items()}
    room, shares = longest, {}
    for rank, key in enumerate(sorted(sizes, key=sizes.__getitem__)):
        shares[key] = max(0, min(sizes[key], room // (len(sizes) - rank)))
        room -= shares[key]
    kept: dict[str, Any] = {}
    missing: list[str] = []
    below: list[str] = []
    for key, member in value.items():
        if shares[key] < len(key) + 4 + _SMALLEST and shares[key] < sizes[key]:
            missing.append(key)
        else:
            kept[key] = _prune(member, shares[key] - len(key) - 4, f"{path}.{key}" if path else key, below)
    left_out[-1:] = below
    if missing:
        kept[MORE] = f"{len(missing)} more keys: {_some(missing, longest // 4)}"
        left_out.extend(f"{path}.{key}" if path else key for key in missing)
    return kept


def _prune_list(value: list[Any] | tuple[Any, ...], longest: int, path: str) -> list[Any]:
    """As many of the first items as fit; if not even one does, the beginning of the first."""
    kept: list[Any] = []
    room = longest - _SMALLEST
    for item in value:
        item_size = _size(item, room) + 1
        if item_size > room:
            if not kept and room > _SMALLEST:
                kept.append(_prune(item, room, f"{path}.0" if path else "0", []))
            break
        kept.append(item)
        room -= item_size
    if len(kept) < len(value):
        kept.append(f"{MORE}{len(value) - len(kept)}{MORE_ITEMS}")
    return kept


def _some(names: list[str], longest: int) -> str:
    shown: list[str] = []
    room = longest
    for name in names:
        room -= len(name) + 2
        if room < 0:
            return ", ".join([*shown, "..."])
        shown.append(name)
    return ", ".join(shown)
