"""Who may call: those of the callers file, which is only read, and those that an admin makes here."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from proxmox_mcp.errors import CallError
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.web.addresses import mcp_address

if TYPE_CHECKING:
    from starlette.responses import Response

    from proxmox_mcp.web.visit import Visit

_LOG = logging.getLogger("proxmox_mcp.web")
EXPIRIES = {"": "never", "1": "1 day", "7": "7 days", "30": "30 days", "90": "90 days", "365": "1 year"}
_RECENT_SECONDS = 7 * 86400
_DAY = 86400.0


async def callers(visit: Visit) -> Response:
    """The list, with who called last when; for an admin the forms."""
    console, now = visit.console, time.time()
    stored = await console.store.in_thread(console.callers.listed)
    recent = await console.store.in_thread(console.activity.callers, now - _RECENT_SECONDS)
    return visit.page(
        "callers.html",
        stored=stored,
        configured=console.configured_callers(),
        recent={row["caller"]: row for row in recent},
        now=now,
        modes=list(Mode),
        expiries=EXPIRIES,
        clusters=list(console.clusters),
        asks_token=console.asks_token,
    )


async def make(visit: Visit) -> Response:
    """A new caller; its token is in this response and nowhere else."""
    console, fields = visit.console, visit.fields
    name, mode, days = fields.get("name", "").strip(), fields.get("mode", ""), fields.get("expires", "")
    if mode not in list(Mode) or days not in EXPIRIES:
        raise CallError("The form is not complete.", "Go back and choose a mode and an expiry.")
    known = list(console.clusters)
    chosen = [each for each in fields.get("clusters", "").split(",") if each]
    if unknown := [each for each in chosen if each not in known]:
        raise CallError(f"There is no cluster {unknown[0]!r}.", f"There are: {', '.join(known) or 'none'}.")
    clusters = [] if len(chosen) == len(known) else chosen
    token = await console.store.in_thread(
        console.callers.make,
        name,
        by=visit.name,
        owner=fields.get("owner", "").strip(),
        mode=Mode(mode),
        clusters=clusters,
        expires=time.time() + float(days) * _DAY if days else None,
        taken=[each.name for each in console.configured_callers()],
    )
    await _record(visit, "caller.made", name, mode=mode, clusters=", ".join(clusters), days=days)
    return _shown_once(visit, name, token)


async def rotate(visit: Visit) -> Response:
    """Another token for a caller."""
    name = visit.fields.get("name", "")
    token = await visit.console.store.in_thread(visit.console.callers.rotate, name)
    await _record(visit, "caller.rotated", name)
    return _shown_once(visit, name, token)


async def revoke(visit: Visit) -> Response:
    """End a caller."""
    name = visit.fields.get("name", "")
    await visit.console.store.in_thread(visit.console.callers.revoke, name, by=visit.name)
    await _record(visit, "caller.revoked", name)
    return visit.to("callers")


async def remove(visit: Visit) -> Response:
    """Forget a caller that was revoked."""
    name = visit.fields.get("name", "")
    await visit.console.store.in_thread(visit.console.callers.remove, name)
    await _record(visit, "caller.removed", name)
    return visit.to("callers")


def _shown_once(visit: Visit, name: str, token: str) -> Response:
    return visit.page("token.html", name=name, token=token, mcp=mcp_address(visit.request, visit.console))


async def _record(visit: Visit, event: str, name: str, **details: str) -> None:
    """Put it on record. A new caller whose line can't be written stays: the log says so."""
    _LOG.info("console: %s: %s by %s", event, name, visit.name)
    await visit.console.on_record(event, visit.name, {"name": name, **details})
