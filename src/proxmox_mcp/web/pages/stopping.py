"""Stopping: a task of a cluster, and all writes at once (the freeze)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from proxmox_mcp.errors import CallError
from proxmox_mcp.proxmox.upid import parse_upid
from proxmox_mcp.web.acting import confirmed, gateway_for, request_of
from proxmox_mcp.web.visit import whole

if TYPE_CHECKING:
    from starlette.responses import Response

    from proxmox_mcp.web.acting import PersonAtConsole
    from proxmox_mcp.web.visit import Visit

_LOG = logging.getLogger("proxmox_mcp.web")
FREEZE_SECONDS = {"": None, "15m": 900.0, "1h": 3600.0, "8h": 28800.0}


async def stop(visit: Visit) -> Response:
    """Stop a running task."""
    cluster, _, upid = visit.fields.get("task", "").partition("/")
    gateway, task = gateway_for(visit), parse_upid(upid)
    if task is None:
        raise CallError("This is not the id of a task.", "Reload the page of the activity.")
    path = f"/nodes/{task.node}/tasks/{upid.strip()}"

    async def act(client: PersonAtConsole) -> Response:
        await gateway.call(request_of(visit, "DELETE", path, cluster=cluster), client)
        return visit.to("activity")

    return await confirmed(visit, f"Stop {task.type} {task.id}", act, back="activity")


async def stop_plan(visit: Visit) -> Response:
    """End a running plan after the step that runs."""
    gateway, number = gateway_for(visit), whole(visit.fields.get("plan", ""))
    if number is None:
        raise CallError("The form names no plan.", "Reload the page of the activity.")
    await gateway.plans.stop_by_operator(number, visit.name)
    await visit.console.on_record("plan.stopped", visit.name, {"plan": number})
    return visit.to("activity")


async def freeze(visit: Visit) -> Response:
    """Refuse all writes from now on."""
    lasts = visit.fields.get("for", "")
    if lasts not in FREEZE_SECONDS:
        raise CallError("The form has no duration that is offered.", "Go back and choose one.")
    freezes, seconds, reason = visit.console.freezes, FREEZE_SECONDS[lasts], visit.fields.get("reason", "")
    await visit.console.store.in_thread(freezes.freeze, by=visit.name, reason=reason, seconds=seconds)
    _LOG.warning("console: %s froze all writes", visit.name)
    return visit.back()


async def unfreeze(visit: Visit) -> Response:
    """Allow writes again."""
    await visit.console.store.in_thread(visit.console.freezes.unfreeze, by=visit.name)
    _LOG.warning("console: %s ended the freeze", visit.name)
    return visit.back()
