"""What a node tells of its tasks, services and certificates: from ``/nodes/{node}/...``, as data."""

# Tested through tests/proxmox/problems/test_examination.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.proxmox.problems.model import ClusterProblem
from proxmox_mcp.proxmox.records import Record, number, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.proxmox.problems.model import Severity

DAY = 86_400
CERTIFICATE_DAYS = 21
"""Proxmox renews its own certificates two weeks before they run out, those of ACME thirty days before: one with less
than that needs somebody to renew it."""

_CONSOLES = frozenset({"vncproxy", "vncshell", "spiceproxy", "spiceshell", "termproxy"})
"""Tasks behind a console: they end with an error whenever nobody connects in time."""

_NEEDED = frozenset({"pve-cluster", "pvedaemon", "pveproxy", "pvestatd", "pvescheduler"})
"""Services without which a node does not work, so that one that is merely stopped is a problem too."""


def failed_tasks(tasks: Sequence[Record], names: Mapping[str, tuple[str, ...]], node: str) -> Iterator[ClusterProblem]:
    """From ``/nodes/{node}/tasks`` with ``errors``: the newest of those that failed in the same way, with their number.

    ``names`` are those of guests by id.
    """
    newest: dict[tuple[str, str, str], Record] = {}
    counts: dict[tuple[str, str, str], int] = {}
    for record in tasks:
        status = text(record, "status")
        kind = text(record, "type")
        if kind in _CONSOLES or status in ("", "OK", "RUNNING") or status.startswith("WARNINGS"):
            continue
        key = (kind, text(record, "id"), status)
        counts[key] = counts.get(key, 0) + 1
        known = newest.get(key)
        if known is None or (number(record, "starttime") or 0) > (number(known, "starttime") or 0):
            newest[key] = record
    for (kind, id_, status), record in newest.items():
        times = counts[kind, id_, status]
        yield ClusterProblem(
            kind="task-failed",
            severity="error",
            names=(kind, *names.get(id_, (id_,) if id_ else ())),
            node=node,
            said=f"{times} times, the last: {status}" if times > 1 else status,
            when=number(record, "starttime"),
            look=f"/nodes/{node}/tasks/{text(record, 'upid')}/log",
        )


def failed_services(services: Sequence[Record], node: str) -> Iterator[ClusterProblem]:
    """From ``/nodes/{node}/services``."""
    for record in services:
        name, state, active = text(record, "service"), text(record, "state"), text(record, "active-state")
        enabled = text(record, "unit-state") in ("enabled", "")
        failed = "failed" in (state, active)
        stopped = name in _NEEDED and enabled and state != "running" and active != "active"
        if failed or stopped:
            yield ClusterProblem(
                kind="service-failed",
                severity="error",
                names=(name,),
                node=node,
                said="failed" if failed else state or active,
                look=f"/nodes/{node}/services/{name}/state",
            )


def expiring_certificates(certificates: Sequence[Record], node: str, now: float) -> Iterator[ClusterProblem]:
    """From ``/nodes/{node}/certificates/info``."""
    for record in certificates:
        end = number(record, "notafter")
        if end is not None and end - now < CERTIFICATE_DAYS * DAY:
            severity: Severity = "error" if end <= now else "warning"
            yield ClusterProblem(
                kind="certificate-expiry",
                severity=severity,
                names=(text(record, "filename"),),
                node=node,
                when=end,
                look=f"/nodes/{node}/certificates/info",
            )
