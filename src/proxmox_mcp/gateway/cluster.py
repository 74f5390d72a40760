"""One cluster with all that is kept for it: the way to it, what it holds, its tasks, rights, schema and time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from proxmox_mcp.errors import CallError
from proxmox_mcp.gateway.cluster_time import ClusterTime
from proxmox_mcp.proxmox.inventory import Inventory
from proxmox_mcp.proxmox.permission_cache import PermissionCache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.gateway.schema_source import SchemaKeeper
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.proxmox.access import Reader
    from proxmox_mcp.proxmox.tasks import TaskWatcher


@dataclass(frozen=True)
class Cluster:
    """Made once at the start; safe for many calls at a time."""

    name: str
    pve: Reader
    schema: SchemaKeeper
    inventory: Inventory
    permissions: PermissionCache
    time: ClusterTime

    @classmethod
    def of(cls, name: str, pve: Reader, schema: SchemaKeeper, *, timezone: str = "") -> Cluster:
        """``timezone`` is the zone in which times are shown, empty for that of the nodes."""
        rights, inventory = PermissionCache(pve, pve.connection.identity), Inventory(pve)
        return cls(name, pve, schema, inventory, rights, ClusterTime(pve, inventory, timezone))

    @cached_property
    def tasks(self) -> TaskWatcher:
        """What follows tasks; one for all calls."""
        # Imported with the first task that is followed: reads and most writes start none.
        from proxmox_mcp.proxmox.tasks import TaskWatcher

        return TaskWatcher(self.pve)

    async def sees_all_guests(self) -> bool:
        """Whether the inventory lists every guest: one that is not in it does not exist."""
        rights = await self.permissions.rights()
        return rights is not None and rights.holds("VM.Audit", "/vms")


def choose(clusters: Mapping[str, Cluster], name: str, caller: Caller) -> Cluster:
    """The cluster that a call means: the only one, or the one it names. Raises CallError."""
    allowed = [known for known in clusters if caller.may_use(known)]
    if not name and len(allowed) == 1:
        return clusters[allowed[0]]
    if name in allowed:
        return clusters[name]
    said = f"There is no cluster `{name}`" if name else "Several clusters are configured, and the call names none"
    raise CallError(f"{said}.", f"Set `cluster` to one of: {', '.join(allowed) or '(none that you may use)'}.")
