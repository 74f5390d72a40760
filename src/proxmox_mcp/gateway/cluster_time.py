"""The time zone of a cluster: ``MCP_TIMEZONE``, else that of its nodes, read once and kept."""

from __future__ import annotations

import time
from datetime import UTC, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import anyio

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.render import Clock

if TYPE_CHECKING:
    from proxmox_mcp.proxmox.access import Reader
    from proxmox_mcp.proxmox.inventory import Inventory

_READ_WITHIN = 5.0
_ASK_AGAIN = 600.0
"""Seconds until a node is asked again that did not tell its zone: the token may lack Sys.Audit on it."""
_LONGEST_NAME = 60
_LARGEST_OFFSET = 86_399


class ClusterTime:
    """Tells the present time in the zone of a cluster. Containers run in UTC, so the server's own zone says nothing."""

    def __init__(self, reader: Reader, inventory: Inventory, configured: str = "") -> None:
        """``configured`` is a name of the time zone database, empty for the zone of the nodes."""
        self._reader, self._inventory = reader, inventory
        self._zone: tuple[tzinfo, str] | None = (ZoneInfo(configured), configured) if configured else None
        self._asked = -_ASK_AGAIN
        self._turn = anyio.Lock()

    async def clock(self, node: str = "") -> Clock:
        """The present time; in UTC as long as no node tells its zone. ``node`` is one that is known to answer."""
        if self._zone is None:
            async with self._turn:
                if self._zone is None and time.monotonic() - self._asked >= _ASK_AGAIN:
                    self._zone = await self._of_the_nodes(node)
                    self._asked = time.monotonic()
        zone, name = self._zone or (UTC, "UTC")
        return Clock(time.time(), zone, name)

    async def _of_the_nodes(self, node: str) -> tuple[tzinfo, str] | None:
        """The zone of a node of this cluster; None if it can't be read."""
        try:
            if not node:
                nodes = (await self._inventory.resources()).nodes
                node = next((each.name for each in nodes if each.status == "online"), "")
            if not node:
                return None
            path = ApiPath.of(["nodes", node, "time"]).encoded
            return zone_told(await self._reader.get(path, deadline=_READ_WITHIN))
        except ProxmoxError:
            return None


def zone_told(answer: Any) -> tuple[tzinfo, str] | None:
    """The zone in the answer of ``/nodes/{node}/time``; by the offset of its clock where its name is not known here."""
    if not isinstance(answer, dict):
        return None
    name, now, local = (answer.get(key) for key in ("timezone", "time", "localtime"))
    if not isinstance(name, str) or not name.isascii() or not name.isprintable() or len(name) > _LONGEST_NAME:
        return None
    try:
        return ZoneInfo(name), name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # An image without the time zone database (Windows, some slim containers).
        if isinstance(now, int) and isinstance(local, int) and abs(local - now) <= _LARGEST_OFFSET:
            return timezone(timedelta(seconds=local - now)), name if " " not in name else "local"
    return None
