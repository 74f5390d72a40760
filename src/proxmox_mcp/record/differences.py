"""What a write changed, value by value: the states before and after held against each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.policy.values import DEFAULT_KEYS
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.record.undo import Get, State

_NOISE = frozenset({"digest", "pid", "uptime", "order", "next-run", "parent", "status", "errors"})
"""What changes on its own, or by something else: ``parent`` is the snapshot that a guest's configuration descends from,
which making and deleting snapshots sets."""
_NAMES = ("id", "userid", "groupid", "roleid", "tokenid", "poolid", "name", "group", "cidr", "rule", "sid", "storage")
"""Fields that tell the rows of a list apart, the first that a row has."""
_PROPERTIES = re.compile(r"[^,\n]{1,400}(?:,[\w.-]{1,40}=[^,\n]{0,400})*")
_MOST = 12
_LONGEST = 80


class Difference(Struct, frozen=True):
    """One value. ``before`` or ``after`` is None where it was or is not set. ``pending``: not in force yet.

    ``row``: a row of a list came or went; ``name`` is the row.
    """

    name: str
    before: str | None
    after: str | None
    pending: bool = False
    row: bool = False

    @property
    def text(self) -> str:
        """``scsi0 size: 64G → 84G``, ``added "..."``; all but a plain identifier is quoted."""
        if self.row:
            return f"{'added' if self.before is None else 'removed'} {shown(self.name, _LONGEST)}"
        name = " ".join(shown(part, _LONGEST) for part in self.name.split(" "))
        return f"{name}: {_told(self.before)} → {_told(self.after)}"


def _told(value: str | None) -> str:
    if value is None:
        return "not set"
    return shown(value, _LONGEST) if value else '""'


def differences(before: State, after: State, pending: frozenset[str] = frozenset()) -> tuple[Difference, ...]:
    """All values that differ in what was read both before and after. ``pending`` names keys of a guest."""
    found: list[Difference] = []
    for get, new in after.items():
        if get in before:
            found += _between(before[get], new, get, pending)
    return tuple(found)


def told(found: Sequence[Difference]) -> str:
    """In one line: ``name: a → b; cores: 2 → 4; memory: 2048 → 4096 (pending until the guest restarts)``."""
    now = "; ".join(each.text for each in found[:_MOST] if not each.pending)
    later = "; ".join(each.text for each in found[:_MOST] if each.pending)
    more = f"and {len(found) - _MOST} more" if len(found) > _MOST else ""
    waits = f"{later} (pending until the guest restarts)" if later else ""
    return "; ".join(filter(None, (now, waits, more)))


def _between(old: Any, new: Any, get: Get, pending: frozenset[str]) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_objects(old, new, "", pending)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(old, new)
    elif old != new:
        yield Difference(get.path.rpartition("/")[2], _text(old), _text(new))


def _of_objects(
    old: Mapping[str, Any], new: Mapping[str, Any], within: str, pending: frozenset[str]
) -> Iterator[Difference]:
    for name in (*old, *(each for each in new if each not in old)):
        before, after = _text(old.get(name)), _text(new.get(name))
        if name in _NOISE or before == after:
            continue
        label = f"{within} {name}".strip()
        if _has_rows(old.get(name)) or _has_rows(new.get(name)):
            yield from _come_and_gone(label, old.get(name) or [], new.get(name) or [])
            continue
        waits = name in pending
        parts = _of_properties(name, before, after) if before is not None and after is not None else None
        if parts is None:
            yield Difference(label, before, after, waits)
        else:
            yield from (Difference(f"{label} {key}", one, other, waits) for key, one, other in parts)


def _of_properties(name: str, before: str, after: str) -> list[tuple[str, str | None, str | None]] | None:
    """The keys of a property string that differ; None where the value is not one, or all of it differs."""
    if name.rstrip("0123456789") not in DEFAULT_KEYS and "=" not in before + after:
        return None
    if not (_PROPERTIES.fullmatch(before) and _PROPERTIES.fullmatch(after)):
        return None
    old, new = _keys(before), _keys(after)
    changed = [key for key in (*old, *(each for each in new if each not in old)) if old.get(key) != new.get(key)]
    if "" in changed or len(changed) > 3:
        return None
    return [(key, old.get(key), new.get(key)) for key in changed]


def _keys(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split(","))
    return {key if equals else "": value if equals else key for key, equals, value in parts}


def _of_lists(old: list[Any], new: list[Any]) -> Iterator[Difference]:
    before, after = _rows(old), _rows(new)
    for name in (*before, *(each for each in after if each not in before)):
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            yield Difference(name, None if one is None else "", None if other is None else "", row=True)
        elif one != other:
            yield from _of_objects(one, other, name, frozenset())


def _has_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _come_and_gone(label: str, old: list[Any], new: list[Any]) -> Iterator[Difference]:
    """The rows of a list inside of an object: the members of a pool, whose own values change without any write."""
    before, after = _rows(old), _rows(new)
    for name in (*before, *(each for each in after if each not in before)):
        if (name in before) != (name in after):
            yield Difference(f"{label} {name}", "" if name in before else None, "" if name in after else None, row=True)


def _rows(rows: list[Any]) -> dict[str, Mapping[str, Any]]:
    """Rows by what tells them apart; those of a firewall and of the access control list by all that they say."""
    named: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if not isinstance(row, dict):
            named[str(row)] = {}
            continue
        known = next((field for field in _NAMES if row.get(field) is not None), "")
        if "pos" in row or "ugid" in row or not known:
            kept = {key: value for key, value in row.items() if key not in ("pos", "ipversion", *_NOISE)}
            named[" ".join(f"{key}={kept[key]}" for key in sorted(kept))] = {}
        else:
            named[f"{known} {row[known]}"] = row
    return named


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return ",".join(f"{key}={_text(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ",".join(sorted(str(_text(each)) for each in value))
    return str(int(value)) if isinstance(value, bool) else str(value)
