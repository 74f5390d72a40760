"""One task: its state and progress, the end of its log, and the call that started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from proxmox_mcp.proxmox.upid import parse_upid
from proxmox_mcp.record.activity import ActivityFilter
from proxmox_mcp.web.acting import gateway_for

if TYPE_CHECKING:
    from starlette.responses import Response

    from proxmox_mcp.web.visit import Visit


async def task(visit: Visit) -> Response:
    """The page, live while the task runs."""
    console, gateway = visit.console, gateway_for(visit)
    cluster, upid = str(visit.request.path_params["cluster"]), str(visit.request.path_params["upid"])
    named = parse_upid(upid)
    if named is None or cluster not in gateway.clusters:
        raise HTTPException(404)
    seen = await gateway.clusters[cluster].tasks.wait(upid, 0)
    calls = await console.store.in_thread(console.activity.page, ActivityFilter(task=upid), 1)
    # Programs in guests and hook scripts write to these logs too.
    without_secrets = gateway.guard.redactor.text
    return visit.page(
        "task.html",
        cluster=cluster,
        upid=upid,
        task=named,
        seen=seen,
        exit_status=without_secrets(seen.exit_status),
        lines=without_secrets("\n".join(seen.tail)),
        call=calls[0] if calls else None,
        several=len(gateway.clusters) > 1,
    )
