"""What ``apidoc.js`` names and doesn't publish: the keys of some property strings, and the bounds of indexes.

The keys are facts in ``formats.jsonl`` beside the snapshots: a line per format, from the version on that it names.
"""

from __future__ import annotations

import json
import re
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.model import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

LAST_INDEX: Mapping[str, int] = {
    "acmedomain": 5,
    "dev": 255,
    "hostpci": 15,
    "ide": 3,
    "ipconfig": 31,
    "link": 7,
    "mp": 255,
    "net": 31,
    "numa": 7,
    "parallel": 2,
    "sata": 5,
    "scsi": 30,
    "serial": 3,
    "unused": 255,
    "usb": 13,
    "virtio": 15,
    "virtiofs": 9,
}
"""The highest n of parameters such as ``net[n]`` (the constants of PVE::QemuServer, PVE::LXC and PVE::Corosync)."""

_INDEXED = re.compile(r"([a-z]+)(0|[1-9][0-9]*)")


def indexed(name: str) -> tuple[str, int] | None:
    """What an indexed name is of: ``net12`` is ``net[n]`` and 12; no leading zeros."""
    found = _INDEXED.fullmatch(name)
    return (f"{found[1]}[n]", int(found[2][:9])) if found else None


@cache
def is_known_to(version: str) -> bool:
    """Whether what we know beside ``apidoc.js`` was read of this release or a later one; so it is if none is named."""
    newest = max(_parts(facts["since"]) for facts in _facts())
    return _parts(version) <= newest


def is_before(version: str, major: int) -> bool:
    """Whether a version is of an older major release; False where none is named."""
    parts = _parts(version)
    return bool(parts) and parts[0] < major


@cache
def structures(version: str) -> Mapping[str, Mapping[str, Schema]]:
    """The keys of property strings by the name of their format, as ``version`` has them; the newest where it is empty.

    A version older than all that we know of has the oldest we know.
    """
    known: dict[str, Mapping[str, Schema]] = {}
    wanted = _parts(version)
    for facts in _facts():
        name = facts["format"]
        if name not in known or not wanted or _parts(facts["since"]) <= wanted:
            keys = {key: Schema.read(each) for key, each in facts["keys"].items()}
            known[name] = MappingProxyType(keys)
    return MappingProxyType(known)


@cache
def _facts() -> tuple[dict[str, Any], ...]:
    lines = (data_directory() / "formats.jsonl").read_bytes().splitlines()
    return tuple(json.loads(line) for line in lines)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
