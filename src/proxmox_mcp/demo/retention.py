"""What a retention keeps of the demo cluster's backups; ``fakepve`` lists one that it made up, and no retention."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Any

from proxmox_mcp.proxmox.pruning import Backup, removed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Values = dict[str, Any]

_KEEPS_ALL = "keep-all=1"
_OF_GUEST = re.compile(r"backup/vzdump-(qemu|lxc)-(\d+)-.+")


class BackupRetention:
    """Mixin of FakePve: what ``PVE::API2::Storage::PruneBackups`` and ``PVE::API2::VZDump`` tell of retentions."""

    storages: dict[str, Values]

    def _routes_retention(self) -> list[tuple[str, str, Callable[[Values, str], Awaitable[Any]]]]:
        return [
            ("GET", "/nodes/{node}/storage/{storage}/prunebackups", self._prunable),
            ("GET", "/nodes/{node}/vzdump/defaults", self._vzdump_defaults),
        ]

    def _retention_of(self, storage: str) -> str:
        return str(self.storages.get(storage, {}).get("prune-backups") or _KEEPS_ALL)

    async def _prunable(self, values: Values, _user: str) -> list[Values]:
        """Each backup with its mark; nothing is removed."""
        storage = values["storage"]
        keep = _numbers(str(values.get("prune-backups") or self._retention_of(storage)))
        volumes: Mapping[str, Values] = self.storages[storage].get("volumes", {})
        found = [(name, volume, match) for name, volume in volumes.items() if (match := _OF_GUEST.fullmatch(name))]
        wanted = str(values.get("vmid") or "")
        backups = [
            Backup(name, match[2], int(volume["ctime"]))
            for name, volume, match in found
            if not volume.get("protected") and wanted in ("", match[2])
        ]
        gone = {
            each.volume
            for guest in {backup.guest for backup in backups}
            for each in removed([backup for backup in backups if backup.guest == guest], keep, UTC)
        }
        return [
            {
                "volid": f"{storage}:{name}",
                "vmid": int(match[2]),
                "type": match[1],
                "ctime": int(volume["ctime"]),
                "mark": "protected" if volume.get("protected") else "remove" if name in gone else "keep",
            }
            for name, volume, match in found
            if wanted in ("", match[2])
        ]

    async def _vzdump_defaults(self, values: Values, _user: str) -> Values:
        storage = str(values.get("storage") or "")
        return {
            "mode": "snapshot",
            "compress": "zstd",
            "remove": 1,
            "prune-backups": self._retention_of(storage),
            **({"storage": storage} if storage else {}),
        }


def _numbers(retention: str) -> dict[str, int]:
    """``keep-last=2,keep-daily=7`` by its keys."""
    parts = (part.partition("=") for part in retention.split(",") if part.strip())
    return {name: int(number) for name, _, number in parts if number.isdecimal()}
