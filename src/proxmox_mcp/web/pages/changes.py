"""What was changed, value by value, and how it is undone: the undo is shown as a plan first, then carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from proxmox_mcp.errors import CallError, GuardError
from proxmox_mcp.web.acting import confirmed, gateway_for, request_of
from proxmox_mcp.web.visit import whole

if TYPE_CHECKING:
    from starlette.responses import Response

    from proxmox_mcp.record.changes import Changes
    from proxmox_mcp.web.acting import PersonAtConsole
    from proxmox_mcp.web.visit import Visit

_ROWS = 100
_LONGEST_FIELD = 100
_LONGEST_GUEST = 9


async def changes(visit: Visit) -> Response:
    """The last changes, newest first."""
    query, console = visit.request.query_params, visit.console
    caller, guest = query.get("caller", "")[:_LONGEST_FIELD], query.get("guest", "").strip()
    number, record = whole(guest, _LONGEST_GUEST), _record(visit)
    found = await console.store.in_thread(record.listed, caller=caller, guest=number, most=_ROWS) if record else []
    names = await console.store.in_thread(console.activity.names)
    return visit.page(
        "changes.html",
        changes=found,
        is_recorded=record is not None,
        caller=caller,
        guest=guest,
        callers=names,
        is_filtered=bool(caller or guest),
    )


async def change(visit: Visit) -> Response:
    """One change, with the calls that undo it."""
    record = _record(visit)
    if record is None:
        raise CallError("Changes are not recorded.", "MCP_CHANGES switches the record on.")
    found = await visit.console.store.in_thread(record.get, visit.number)
    return visit.page("change.html", change=found)


async def undo(visit: Visit) -> Response:
    """Undo a change, or all changes of a plan: checked and confirmed like any call."""
    gateway, which = gateway_for(visit), visit.fields.get("which", "")
    kind, _, number = which.rpartition(" ")
    if kind not in ("", "plan") or whole(number) is None:
        raise CallError("The form names no change.", "Reload the page.")

    async def act(client: PersonAtConsole) -> Response:
        request = replace(request_of(visit, "POST", "/"), always_ask=True)
        said = await gateway.undo(which, request, client)
        return visit.page("done.html", title="Undone", said=said, back="changes")

    return await confirmed(visit, f"Undo {which if kind else f'change {which}'}", act, back="changes")


def _record(visit: Visit) -> Changes | None:
    """The record of changes; None where it is switched off. Raises GuardError if this console has no gateway."""
    if visit.console.gateway is None:
        raise GuardError(
            "This console has no connection to a cluster, so it can undo nothing.",
            "Start it with the settings of the server; `proxmox-mcp changes` lists them too.",
        )
    log = visit.console.gateway.pipeline.changes
    return log.changes if log is not None else None
