"""What no reader needs of an answer: left out and named in the last line, unless asked for by name or by ``raw``."""

# Tested through tests/render/test_nested.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Record = Mapping[str, Any]

_FIELDS = frozenset({"digest", "pid", "pstart"})
"""Checksums of configuration files (a write that needs one reads it itself), and process ids of nodes."""
_NESTED = {"cpuinfo": "flags"}
"""The features of a node's processor: more text than the rest of the node's status."""
_NOISY = _FIELDS | _NESTED.keys()
_CURRENT = "current"
_DIGEST = "digest"


def noise_in(data: Any) -> tuple[str, ...]:
    """The names of what ``without_noise`` leaves out of a result, in order of appearance."""
    if isinstance(data, dict):
        return _of(data) if len(_of(data)) < len(data) else ()
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        return ()
    noisy = list(filter(_has_noise, data))
    found = dict.fromkeys(name for record in noisy if not _is_current(record) for name in _of(record))
    if any(map(_is_digest, noisy)):
        found[_DIGEST] = None
    if any(map(_is_current, noisy)):
        found[_CURRENT] = None
    return tuple(found)


def without_noise(records: Sequence[Record]) -> Sequence[Record]:
    """The records without the fields, the pseudo-snapshot and the row of a checksum that nobody needs."""
    if not any(map(_has_noise, records)):
        return records
    kept = (record for record in records if not _is_current(record) and not _is_digest(record))
    return [_needed(record) or record for record in kept]


def _has_noise(record: Record) -> bool:
    return not _NOISY.isdisjoint(record) or _is_current(record) or _is_digest(record)


def _needed(record: Record) -> Record:
    needed = {name: value for name, value in record.items() if name not in _FIELDS}
    for name, member in _NESTED.items():
        if isinstance(value := needed.get(name), dict):
            needed[name] = {key: each for key, each in value.items() if key != member}
    return needed


def _of(record: Record) -> tuple[str, ...]:
    nested = (f"{n}.{m}" for n, m in _NESTED.items() if isinstance(value := record.get(n), dict) and m in value)
    return (*(name for name in record if name in _FIELDS), *nested)


def _is_current(record: Record) -> bool:
    """Whether a record is the present state, which Proxmox lists among the snapshots (``PVE::API2::Qemu``, ``LXC``)."""
    return record.get("name") == _CURRENT and "snaptime" not in record and record.get("description") == "You are here!"


def _is_digest(record: Record) -> bool:
    """Whether a record is the checksum, which the lists of a guest's values have as a row (``pending``)."""
    return record.get("key") == _DIGEST and "value" in record
