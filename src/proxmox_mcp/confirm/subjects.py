"""What a call hits, as it is now: one value for each guest, storage, node, job or backup.

``Subject.identity`` is what makes a thing this very thing (name, UUID, volumes, snapshots), without figures that
change on their own: a confirmation holds as long as it stays.
"""

# Tested through tests/confirm/test_statement.py and tests/gateway/test_live_state.py.

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from proxmox_mcp.untrusted import flat, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.proxmox.inventory import Guest

KIND = {"qemu": "VM", "lxc": "container"}
"""What a guest is called, by its type in Proxmox."""
_MOST_NAMED = 12
_LONGEST_NAME, _LONGEST_DETAIL = 80, 400
_COMPOSED = frozenset({"disks", "snapshots", "backups", "state"})
"""Details in our own words, whose names are quoted where they are put together."""


class Subject(Struct, frozen=True, kw_only=True):
    """One thing that a call hits, as it is now.

    ``identity`` makes it this one and no other; ``state`` is only shown. ``unread`` says why it could not be read.
    Names in it are untrusted text, and are quoted when shown.
    """

    kind: str
    id: str
    identity: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, str] = field(default_factory=dict)
    unread: str = ""

    def __str__(self) -> str:
        head = f"{self.kind} {shown(self.id)}"
        if self.unread:
            return f"{head}: its state could not be read ({flat(self.unread)})"
        known = {**self.identity, **self.state}
        name = known.pop("name", "")
        details = "; ".join(f"{key} {_detail(key, text)}" for key, text in known.items() if text)
        return head + (f" {shown(name, _LONGEST_NAME)}" if name else "") + (f": {details}" if details else "")


def _detail(key: str, text: str) -> str:
    return text if key in _COMPOSED else shown(text, _LONGEST_DETAIL)


_VOLUME_KEYS = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate|unused|mp)\d+|rootfs")


def of_guest(
    guest: Guest,
    config: Mapping[str, Any],
    *,
    snapshots: Sequence[Mapping[str, Any]] = (),
    backups: Sequence[Mapping[str, Any]] | None = None,
) -> Subject:
    """A guest from the inventory and Proxmox's answers: ``.../config``, ``.../snapshot``, and its backups' content
    entries, None where they were not looked up."""
    volumes = volumes_of(config)
    uuid = re.search(r"uuid=([0-9A-Fa-f-]{36})", str(config.get("smbios1", "")))
    names = sorted(str(entry.get("name")) for entry in snapshots if entry.get("name") != "current")
    identity = {
        "name": str(config.get("name") or config.get("hostname") or ""),
        "uuid": uuid[1].lower() if uuid else str(config.get("vmgenid", "")),
        "disks": _several([f"{key}={volume}" for key, volume in volumes.items()]) or "none",
        "snapshots": _several(names) or "none",
    }
    sizes = [found[1] for key in volumes if (found := re.search(r"size=([\d.]+[KMGT]?)", str(config[key])))]
    state = {
        "on": guest.node,
        "status": guest.status,
        "size": "+".join(sizes),
        "protection": "on" if str(config.get("protection", "0")) == "1" else "",
        "backups": "" if backups is None else _backups(backups),
    }
    return Subject(kind=KIND[guest.type], id=str(guest.vmid), identity=identity, state=state)


def volumes_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The volume of each drive of a guest, without CD drives: ``{"scsi0": "local-lvm:vm-100-disk-0"}``."""
    return {
        key: str(value).split(",", 1)[0]
        for key, value in sorted(config.items())
        if _VOLUME_KEYS.fullmatch(key) and "media=cdrom" not in str(value)
    }


def storages_of(config: Mapping[str, Any]) -> frozenset[str]:
    """The storages that the drives of a guest are on."""
    return frozenset(volume.partition(":")[0] for volume in volumes_of(config).values() if ":" in volume)


def _backups(backups: Sequence[Mapping[str, Any]]) -> str:
    if not backups:
        return "none"
    newest = max(backups, key=lambda entry: int(entry.get("ctime") or 0))
    return f"{len(backups)}, the newest {shown(str(newest.get('volid', '')), _LONGEST_DETAIL)}"


def _several(names: Sequence[str]) -> str:
    """The names, each quoted where it is more than a token; of many the first, and a digest of all."""
    listed = ", ".join(shown(name, _LONGEST_DETAIL) for name in names[:_MOST_NAMED])
    if len(names) <= _MOST_NAMED:
        return listed
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{listed} and {len(names) - _MOST_NAMED} more (#{digest})"
