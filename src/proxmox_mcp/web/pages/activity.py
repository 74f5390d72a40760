"""The last calls, live and filtered, and the tasks that run in the clusters now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import anyio

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.proxmox.upid import is_upid
from proxmox_mcp.record.activity import ActivityFilter
from proxmox_mcp.web.visit import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.web.visit import Visit

_ROWS = 50
_PATIENCE = 4.0
_MOST_TASKS = 20
SINCE: Mapping[str, float] = {"15m": 900, "1h": 3600, "24h": 86400, "7d": 604800}
OUTCOMES = ("ok", "running", "refused", "failed")
_LONGEST_FIELD = 100
_FIELDS = ("caller", "cluster", "guest", "effect", "outcome", "since", "writes")


@dataclass(frozen=True, slots=True)
class RunningTask:
    """A task of a cluster that has not ended."""

    cluster: str
    upid: str
    type: str
    id: str
    node: str
    user: str
    started: float


async def activity(visit: Visit) -> Response:
    """The page: calls that fit the filter, newest first."""
    console, given = visit.console, visit.request.query_params
    chosen = {name: given.get(name, "")[:_LONGEST_FIELD] for name in _FIELDS}
    wanted = _wanted(chosen, given.get("before", ""))
    rows = await console.store.in_thread(console.activity.page, wanted, _ROWS + 1)
    names = await console.store.in_thread(console.activity.names)
    filtered = {name: value for name, value in chosen.items() if value}
    older = urlencode({**filtered, "before": rows[_ROWS - 1].number}) if len(rows) > _ROWS else ""
    return visit.page(
        "activity.html",
        rows=rows[:_ROWS],
        tasks=await running_tasks(console.clusters),
        plans=await console.gateway.plans.all_running() if console.gateway else [],
        chosen=chosen,
        is_filtered=bool(filtered),
        is_older=wanted.before is not None,
        older=older,
        callers=names,
        clusters=list(console.clusters),
        outcomes=OUTCOMES,
        effects=list(Effect),
    )


def _wanted(chosen: Mapping[str, str], before: str) -> ActivityFilter:
    """The filter of a query; values that make no sense count as not given."""
    return ActivityFilter(
        caller=chosen["caller"],
        cluster=chosen["cluster"],
        guest=chosen["guest"].strip(),
        effect=chosen["effect"] if chosen["effect"] in list(Effect) else "",
        outcome=chosen["outcome"] if chosen["outcome"] in OUTCOMES else "",
        since=time.time() - SINCE[chosen["since"]] if chosen["since"] in SINCE else None,
        writes=chosen["writes"] == "yes",
        before=whole(before),
    )


async def running_tasks(clusters: Mapping[str, Cluster]) -> list[RunningTask]:
    """The tasks that run, newest first, of the clusters that answer soon enough."""
    found: list[RunningTask] = []

    async def read(name: str, cluster: Cluster) -> None:
        try:
            rows = await cluster.pve.get("/cluster/tasks", deadline=_PATIENCE)
        except ProxmoxError:
            return  # The overview tells which cluster doesn't answer, and why.
        found.extend(task for row in rows if (task := _task(name, row)))

    with anyio.move_on_after(_PATIENCE):
        async with anyio.create_task_group() as group:
            for name, cluster in clusters.items():
                group.start_soon(read, name, cluster)
    return sorted(found, key=lambda task: -task.started)[:_MOST_TASKS]


def _task(cluster: str, row: Any) -> RunningTask | None:
    if not isinstance(row, dict) or row.get("endtime") or row.get("status") or not is_upid(row.get("upid")):
        return None
    upid = str(row["upid"])
    kept = {name: str(row.get(name, "")) for name in ("type", "id", "node", "user")}
    started = row.get("starttime")
    return RunningTask(cluster, upid, started=float(started) if isinstance(started, int | float) else 0.0, **kept)
