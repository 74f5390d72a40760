"""What the state of nodes, storages, guests, HA and replication tells: from ``/cluster/...``, as data."""

# Tested through tests/proxmox/problems/test_examination.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.proxmox.problems.model import ClusterProblem
from proxmox_mcp.proxmox.records import Record, flag, number, text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

FULL, NEARLY_NO_ROOM = 0.85, 0.95
"""Shares of a storage that are in use: thin pools and Ceph stop taking writes at about the second."""

_HA_TROUBLE = frozenset({"error", "fence", "recovery", "unknown"})
"""States of a resource that HA does not run as asked (``PVE::HA::Manager``)."""

_MEANT_LOCKS = frozenset({"suspended"})
"""Locks that somebody wants: a guest that sleeps on disk."""


def quorum(status: Sequence[Record]) -> Iterator[ClusterProblem]:
    """From ``/cluster/status``; a node without a cluster has no entry of the type ``cluster``."""
    for record in status:
        if record.get("type") == "cluster" and not flag(record, "quorate", default=True):
            yield ClusterProblem(
                kind="no-quorum",
                severity="error",
                names=(text(record, "name"),),
                said="nothing can be changed or started",
                look="/cluster/status",
            )


def offline_nodes(resources: Sequence[Record], status: Sequence[Record]) -> Iterator[ClusterProblem]:
    """From both lists: the first knows what the nodes report of themselves, the second who is in the membership."""
    states = {text(each, "node"): text(each, "status") for each in resources if each.get("type") == "node"}
    for record in status:
        if record.get("type") == "node" and not flag(record, "online", default=True):
            states[text(record, "name")] = "offline"
    for node, state in sorted(states.items()):
        if node and state == "offline":
            yield ClusterProblem(kind="node-offline", severity="error", names=(node,), look="/cluster/status")


def storages(resources: Sequence[Record], offline: Collection[str]) -> Iterator[ClusterProblem]:
    """From ``/cluster/resources``: each shared storage once, none of nodes that are offline."""
    told: set[tuple[str, str]] = set()
    for record in resources:
        name, node = text(record, "storage"), text(record, "node")
        if record.get("type") != "storage" or not name or node in offline:
            continue
        available = text(record, "status") in ("available", "")
        place = "" if flag(record, "shared") and available else node
        if (name, place) in told:
            continue
        told.add((name, place))
        look = f"/nodes/{node}/storage/{name}"
        if not available:
            yield ClusterProblem(
                kind="storage-unavailable", severity="error", names=(name,), node=place, look=f"{look}/status"
            )
            continue
        used, size = number(record, "disk"), number(record, "maxdisk")
        share = used / size if used and size else 0.0
        if share > FULL:
            severe = share >= NEARLY_NO_ROOM
            yield ClusterProblem(
                kind="storage-full",
                severity="error" if severe else "warning",
                names=(name,),
                node=place,
                said=f"{share:.0%}",
                look=f"{look}/content",
            )


def locked_guests(resources: Sequence[Record], busy: Collection[str]) -> Iterator[ClusterProblem]:
    """From ``/cluster/resources``. ``busy``: ids of guests with a running task, which has locked them."""
    for record in resources:
        lock, vmid = text(record, "lock"), text(record, "vmid")
        if vmid and lock and lock not in _MEANT_LOCKS and vmid not in busy:
            yield ClusterProblem(
                kind="guest-locked",
                severity="warning",
                names=guest_names(record),
                said=lock,
                look=f"/nodes/{text(record, 'node')}/{text(record, 'type')}/{vmid}/status/current",
            )


def ha_errors(current: Sequence[Record]) -> Iterator[ClusterProblem]:
    """From ``/cluster/ha/status/current``: resources, and managers of nodes that no longer report."""
    for record in current:
        kind, state = text(record, "type"), text(record, "state")
        found = ""
        if kind == "service":
            found = next((each for each in (state, text(record, "crm_state")) if each in _HA_TROUBLE), "")
        elif kind in ("lrm", "master") and ("dead?" in text(record, "status") or "unable" in text(record, "status")):
            found = text(record, "status")
        if found:
            yield ClusterProblem(
                kind="ha-error",
                severity="error",
                names=(text(record, "sid") or text(record, "id"),),
                said=found,
                look="/cluster/ha/status/current",
            )


def replication_errors(jobs: Sequence[Record], node: str) -> Iterator[ClusterProblem]:
    """From ``/nodes/{node}/replication``."""
    for record in jobs:
        failed = number(record, "fail_count") or 0
        if failed or text(record, "error"):
            job = text(record, "id")
            yield ClusterProblem(
                kind="replication-error",
                severity="error",
                names=(job,),
                node=node,
                said=text(record, "error") or f"failed {failed:.0f} times",
                when=number(record, "last_sync") or None,
                look=f"/nodes/{node}/replication/{job}/log",
            )


def guest_names(record: Record) -> tuple[str, ...]:
    """The id and the name of a guest, if it has one."""
    return tuple(filter(None, (text(record, "vmid"), text(record, "name"))))
