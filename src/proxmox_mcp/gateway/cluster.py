"""One cluster with all that is kept for it: the way to it, what it holds, its tasks, rights, schema and time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.errors import CallError
from proxmox_mcp.gateway.cluster_time import ClusterTime
from proxmox_mcp.gateway.request import FOR_MODELS
from proxmox_mcp.proxmox.inventory import Inventory
from proxmox_mcp.proxmox.permission_cache import PermissionCache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.gateway.request import Request, Wording
    from proxmox_mcp.gateway.schema_source import SchemaKeeper
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.proxmox.access import Reader
    from proxmox_mcp.proxmox.tasks import TaskWatcher


class Cluster(Struct, frozen=True, dict=True):
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


def cluster_for(clusters: Mapping[str, Cluster], request: Request) -> Cluster:
    """The cluster that a request means. Raises CallError, in words for who makes it."""
    return choose(clusters, request.cluster, request.caller, request.wording)


def choose(clusters: Mapping[str, Cluster], name: str, caller: Caller, wording: Wording = FOR_MODELS) -> Cluster:
    """The cluster that a call means: the only one, or the one it names. Raises CallError."""
    allowed = [known for known in clusters if caller.may_use(known)]
    if not name and len(allowed) == 1:
        return clusters[allowed[0]]
    if name in allowed:
        return clusters[name]
    said = f"There is no cluster `{name}`" if name else "Several clusters are configured, and the call names none"
    names = ", ".join(allowed) or "(none that you may use)"
    raise CallError(f"{said}.", wording.name_cluster.format(names=names))
