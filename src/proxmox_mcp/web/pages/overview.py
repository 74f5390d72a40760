"""The first page: the clusters and their nodes, who is connected, what waits, and what is wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct

from proxmox_mcp.errors import ApidocError, ProxmoxError
from proxmox_mcp.web.load import NodeLoad, read_loads
from proxmox_mcp.web.problems import Findings, read_findings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.proxmox.inventory import Resources
    from proxmox_mcp.web.console import Console
    from proxmox_mcp.web.visit import Visit

_RECENT_SECONDS = 15 * 60
"""Who called within so long counts as connected now."""
_PATIENCE = 8.0
"""Seconds for a cluster that doesn't answer: the page then shows the rest."""


NO_FINDINGS = Findings()


class NodeRow(Struct, frozen=True, kw_only=True):
    """One node: fractions of processor and memory in use now, and the lines of the last hour."""

    name: str
    status: str
    cpu: float | None
    memory: float | None
    memory_size: float | None
    running: int
    guests: int
    uptime: float | None
    load: NodeLoad


class ClusterCard(Struct, frozen=True, kw_only=True):
    """One cluster: how it is reached, its nodes, and the ``trouble`` that keeps them from being read."""

    name: str
    version: str
    identity: str
    host: str
    reason: str
    nodes: tuple[NodeRow, ...] = ()
    trouble: str = ""
    findings: Findings = NO_FINDINGS


class OperatorWarning(Struct, frozen=True):
    """Something about this server that its operator should correct, and how."""

    said: str
    cure: str


async def overview(visit: Visit) -> Response:
    """The whole page. Clusters are read at the same time, and one that is silent doesn't hold up the others."""
    console = visit.console
    cards: dict[str, ClusterCard] = {}

    async def read(name: str, cluster: Cluster) -> None:
        cards[name] = await _card(console, name, cluster)

    async with anyio.create_task_group() as group:
        for name, cluster in console.clusters.items():
            group.start_soon(read, name, cluster)
    waiting = await console.store.in_thread(console.approvals.pending)
    calling = await console.store.in_thread(console.activity.callers, time.time() - _RECENT_SECONDS)
    return visit.page(
        "overview.html",
        clusters=[cards[name] for name in console.clusters],
        several=len(console.clusters) > 1,
        waiting=waiting,
        calling=calling,
        warnings=warnings(console),
        faults=console.faults,
        open_sessions=console.open_sessions(),
    )


async def _card(console: Console, name: str, cluster: Cluster) -> ClusterCard:
    resources: Resources | None = None
    loads: Mapping[str, NodeLoad] = {}
    findings = NO_FINDINGS
    trouble = f"no answer within {_PATIENCE:.0f} s"
    with anyio.move_on_after(_PATIENCE):
        try:
            resources = await cluster.inventory.resources()
            names = [node.name for node in resources.nodes if node.status == "online"]
            loads = await console.loads.get(name, lambda: read_loads(cluster.pve, names))
            findings = await console.findings.get(name, lambda: read_findings(cluster))
        except ProxmoxError as error:
            trouble = str(error)
    state = cluster.pve.state()
    return ClusterCard(
        name=name,
        version=_version(cluster),
        identity=cluster.pve.connection.identity,
        host=state.in_use,
        reason=state.reason,
        nodes=_nodes(resources, loads) if resources else (),
        trouble="" if resources else trouble,
        findings=findings,
    )


def _nodes(resources: Resources, loads: Mapping[str, NodeLoad]) -> tuple[NodeRow, ...]:
    rows = []
    records = {str(record.get("node")): record for record in resources.records if record.get("type") == "node"}
    for node in resources.nodes:
        record = records.get(node.name, {})
        guests = [guest for guest in resources.guests if guest.node == node.name and not guest.template]
        used, total = _number(record.get("mem")), _number(record.get("maxmem"))
        rows.append(
            NodeRow(
                name=node.name,
                status=node.status or "unknown",
                cpu=_number(record.get("cpu")),
                memory=used / total if used is not None and total else None,
                memory_size=total,
                running=sum(guest.status == "running" for guest in guests),
                guests=len(guests),
                uptime=_number(record.get("uptime")),
                load=loads.get(node.name, NodeLoad()),
            )
        )
    return tuple(rows)


def _version(cluster: Cluster) -> str:
    try:
        schema = cluster.schema.load()
    except ApidocError:
        return ""
    return schema.node_version or f"schema {schema.index.version}"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def warnings(console: Console) -> list[OperatorWarning]:
    """What the operator of this server should correct."""
    found = []
    for name, cluster in console.clusters.items():
        state = cluster.pve.state()
        if state.refusal:
            found.append(
                OperatorWarning(
                    f"{name}: Proxmox VE refuses the credentials of {cluster.pve.connection.identity}: {state.refusal}",
                    "Run `proxmox-mcp doctor` with the server's settings: it says which part is wrong.",
                )
            )
        if not cluster.pve.connection.verifies:
            found.append(
                OperatorWarning(
                    f"{name}: the certificate is not checked, so anyone who can redirect the connection can read the "
                    "credentials.",
                    "Set PROXMOX_FINGERPRINT (`proxmox-mcp doctor` prints it) or PROXMOX_CA_FILE.",
                )
            )
    if console.gateway and (fault := console.gateway.guard.limits.fault):
        found.append(
            OperatorWarning(f"The shared state is unavailable: {fault}", "Calls are refused until it answers again.")
        )
    notifier = console.gateway.notifier if console.gateway else None
    for channel, fault in (notifier.faults if notifier else {}).items():
        found.append(
            OperatorWarning(
                f"Notifications don't arrive by {channel}: {fault}", "Correct MCP_NOTIFY; it is tried again meanwhile."
            )
        )
    if fault := console.audit_fault():
        found.append(
            OperatorWarning(
                f"The audit log can't be written: {fault}. No change is sent until it can.",
                "See to MCP_AUDIT_FILE: its directory, room and rights.",
            )
        )
    return found
