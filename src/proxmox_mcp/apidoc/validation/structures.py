"""What ``apidoc.js`` refers to but doesn't publish: the keys of some property strings, and the limits of indexes.

The keys are facts in ``formats.jsonl``: one line per format and the version since which it is so.
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
"""The highest n of parameters such as ``net[n]`` (constants in PVE::QemuServer, PVE::LXC and PVE::Corosync)."""

_INDEXED = re.compile(r"([a-z]+)(0|[1-9][0-9]*)")


def indexed(name: str) -> tuple[str, int] | None:
    """Split an indexed name: ``net12`` is ``net[n]`` and 12. Leading zeros are not allowed."""
    found = _INDEXED.fullmatch(name)
    return (f"{found[1]}[n]", int(found[2][:9])) if found else None


@cache
def is_known_to(version: str) -> bool:
    """Whether the facts that ``apidoc.js`` lacks are known for this release; True if ``version`` is empty."""
    newest = max(_parts(facts["since"]) for facts in _facts())
    return _parts(version) <= newest


def is_before(version: str, *release: int) -> bool:
    """Whether a version is of an older release, given as ``9`` or ``9, 2``; False if it is empty."""
    parts = _parts(version)
    return bool(parts) and parts < release


@cache
def structures(version: str) -> Mapping[str, Mapping[str, Schema]]:
    """The keys of property strings by format name, for ``version``; the newest if it is empty.

    A version that is older than all known ones gets the oldest.
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
