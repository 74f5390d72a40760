"""What a call is about to hit, read from the cluster at that moment: for rules, and for whoever confirms."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.confirm import statement
from proxmox_mcp.confirm.statement import Subject
from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.policy.lookups import ABSENT, Gathered, GuestFacts
from proxmox_mcp.policy.risk import Risk
from proxmox_mcp.policy.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.policy.targets import Action
    from proxmox_mcp.proxmox.inventory import Guest, Resources

_MOST_SUBJECTS = 20
_READ_WITHIN = 10.0
"""Seconds in which the state of everything hit must be read; what is not read by then is said to be unread."""


async def live_facts(vmids: Iterable[int], cluster: Cluster) -> Gathered:
    """Pool, tags, node and storages of guests. What can't be read stays unknown: rules then fail closed."""
    wanted = sorted(vmids)
    if not wanted:
        return Gathered({})
    try:
        resources = await cluster.inventory.resources()
    except ProxmoxError:
        return Gathered({})
    sees_all = await _sees_all_guests(cluster)
    known: dict[int, GuestFacts] = {}
    for vmid in wanted:
        guest = resources.guest(vmid)
        if guest is not None:
            known[vmid] = GuestFacts(
                node=guest.node, pool=guest.pool, tags=frozenset(guest.tags), storages=await _storages(guest, cluster)
            )
        elif sees_all:
            known[vmid] = ABSENT
    return Gathered(known)


async def subjects_of(action: Action, cluster: Cluster) -> list[Subject]:
    """The guests, storages and nodes that an action names, as they are now."""
    targets = targets_of(action)
    try:
        resources = await cluster.inventory.resources(fresh=True)
    except ProxmoxError as error:
        return [Subject(kind="guest", id=str(vmid), unread=error.message) for vmid in sorted(targets.guests)]
    found: dict[int, Subject] = {}

    async def read(vmid: int, guest: Guest) -> None:
        found[vmid] = await _guest(guest, resources, cluster, destroys=action.judgement.risk is Risk.DESTROY)

    with anyio.move_on_after(_READ_WITHIN):
        async with anyio.create_task_group() as group:
            for vmid in sorted(targets.guests)[:_MOST_SUBJECTS]:
                if (guest := resources.guest(vmid)) is not None:
                    group.start_soon(read, vmid, guest)
    subjects = [found.get(vmid) or _unread(vmid, resources) for vmid in sorted(targets.guests)]
    storages = {storage.name: storage for storage in resources.storages}
    for name in sorted(targets.storages):
        kind = storages[name].type if name in storages else ""
        subjects.append(Subject(kind="storage", id=name, identity={"type": kind} if kind else {}))
    if not subjects:
        status = {node.name: node.status for node in resources.nodes}
        subjects = [
            Subject(kind="node", id=name, state={"status": status[name]})
            for name in sorted(targets.nodes)
            if name in status
        ]
    return subjects


async def _guest(guest: Guest, resources: Resources, cluster: Cluster, *, destroys: bool) -> Subject:
    kind = "VM" if guest.type == "qemu" else "container"
    try:
        config = await cluster.pve.get(f"{guest.path}/config", deadline=_READ_WITHIN)
        snapshots = await cluster.pve.get(f"{guest.path}/snapshot", deadline=_READ_WITHIN)
    except ProxmoxError as error:
        return Subject(kind=kind, id=str(guest.vmid), identity={"name": guest.name}, unread=error.message)
    return statement.guest(
        guest.vmid,
        config if isinstance(config, dict) else {},
        kind=kind,
        node=guest.node,
        status=guest.status,
        snapshots=snapshots if isinstance(snapshots, list) else [],
        backups=await _backups(guest, resources, cluster) if destroys else None,
    )


async def _backups(guest: Guest, resources: Resources, cluster: Cluster) -> list[dict[str, Any]] | None:
    """The backups of a guest on the storages that its node sees; None where one of them can't be read."""
    places = [s for s in resources.storages if s.node == guest.node and "backup" in s.content]
    entries: list[dict[str, Any]] = []
    unread: list[str] = []

    async def read(storage: str) -> None:
        try:
            listed = await cluster.pve.get(
                f"/nodes/{guest.node}/storage/{storage}/content",
                {"content": "backup", "vmid": str(guest.vmid)},
                deadline=_READ_WITHIN,
            )
        except ProxmoxError:
            unread.append(storage)
        else:
            entries.extend(entry for entry in listed or () if isinstance(entry, dict))

    async with anyio.create_task_group() as group:
        for place in places:
            group.start_soon(partial(read, place.name))
    return entries if entries or not unread else None


def _unread(vmid: int, resources: Resources) -> Subject:
    guest = resources.guest(vmid)
    if guest is None:
        return Subject(kind="guest", id=str(vmid), state={"state": "no guest of this id is to be seen"})
    return Subject(kind="guest", id=str(vmid), identity={"name": guest.name}, unread="not read in time")


async def _storages(guest: Guest, cluster: Cluster) -> frozenset[str] | None:
    try:
        config = await cluster.pve.get(f"{guest.path}/config", deadline=_READ_WITHIN)
    except ProxmoxError:
        return None
    if not isinstance(config, dict):
        return None
    volumes = statement.volumes_of(config)
    return frozenset(volume.partition(":")[0] for volume in volumes.values() if ":" in volume)


async def _sees_all_guests(cluster: Cluster) -> bool:
    judge = await cluster.permissions.judge()
    return judge is not None and (judge.identity == "root@pam" or "VM.Audit" in judge.permissions.at("/vms"))
