"""The tasks that run in the clusters now, with their progress, read once for all who look."""

# Tested through tests/web/pages/test_tasks.py and tests/web/pages/test_activity.py.

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.proxmox.upid import parse_upid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.proxmox.upid import Upid
    from proxmox_mcp.web.console import Console

_PATIENCE = 4.0
_MOST_TASKS, _MOST_FOLLOWED = 20, 6
"""Of each cluster: the newest that are listed, and those of them whose progress is read (two requests each)."""


class RunningTask(Struct, frozen=True, kw_only=True):
    """A task that has not ended. ``fraction`` is None, and ``line`` empty, where its log tells no progress."""

    cluster: str
    upid: str
    task: Upid
    fraction: float | None = None
    line: str = ""

    @property
    def percent(self) -> int | None:
        return None if self.fraction is None else int(100 * self.fraction)


async def running_tasks(console: Console, activity: str) -> list[RunningTask]:
    """The tasks that run, newest first, of the clusters that answer soon enough.

    ``activity`` is the mark of the activity: they are read again once a second at most, and after each new call.
    """
    found: list[RunningTask] = []
    if console.gateway is None:
        return found
    without_secrets = console.gateway.guard.redactor.text

    async def read(name: str, cluster: Cluster) -> None:
        # All open pages are told in the first moments of a second (``live``), and fetch then.
        mark = (activity, int(time.monotonic()))
        found.extend(await console.running.get(name, mark, lambda: _running(name, cluster, without_secrets)))

    with anyio.move_on_after(_PATIENCE):
        async with anyio.create_task_group() as group:
            for name, cluster in console.clusters.items():
                group.start_soon(read, name, cluster)
    return sorted(found, key=lambda each: -each.task.starttime)


async def _running(name: str, cluster: Cluster, words: Callable[[str], str]) -> Sequence[RunningTask]:
    try:
        rows = await cluster.pve.get("/cluster/tasks", deadline=_PATIENCE)
    except ProxmoxError:
        return ()  # The overview tells which cluster doesn't answer, and why.
    tasks = [task for row in rows if (task := _task(name, row))] if isinstance(rows, list) else []
    tasks = sorted(tasks, key=lambda each: -each.task.starttime)[:_MOST_TASKS]

    async def follow(place: int) -> None:
        try:
            seen = await cluster.tasks.wait(tasks[place].upid, 0)
        except ProxmoxError:
            return  # Listed, but not shown to this identity: it is shown without its progress.
        tasks[place] = replace(tasks[place], fraction=seen.fraction, line=words(seen.last_line))

    with anyio.move_on_after(_PATIENCE / 2):
        async with anyio.create_task_group() as group:
            for place in range(min(len(tasks), _MOST_FOLLOWED)):
                group.start_soon(follow, place)
    return tasks


def _task(cluster: str, row: Any) -> RunningTask | None:
    if not isinstance(row, dict) or row.get("endtime") or row.get("status"):
        return None
    upid = str(row.get("upid", ""))
    task = parse_upid(upid)
    return RunningTask(cluster=cluster, upid=upid, task=task) if task else None
