"""How to connect a client: the configuration of each, with the real address, to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio.to_thread import run_sync

from proxmox_mcp.client_configurations import configurations
from proxmox_mcp.errors import CallError
from proxmox_mcp.web.addresses import mcp_address

if TYPE_CHECKING:
    from starlette.responses import Response

    from proxmox_mcp.web.visit import Visit


async def connect(visit: Visit) -> Response:
    """The page."""
    return _page(visit)


async def check(visit: Visit) -> Response:
    """The page with what the doctor says, one check of the set-up at a time. It takes up to half a minute."""
    if visit.console.check is None:
        raise CallError("The set-up can't be checked from here.", "Run `proxmox-mcp doctor` on the server.")
    async with visit.console.checking:
        report = await run_sync(visit.console.check)
    return _page(visit, report.strip())


def _page(visit: Visit, report: str = "") -> Response:
    console = visit.console
    mcp = mcp_address(visit.request, console)
    found = configurations(mcp, token=console.asks_token) if mcp else ()
    return visit.page(
        "connect.html",
        configurations=found,
        mcp=mcp,
        asks_token=console.asks_token,
        can_check=console.check is not None,
        report=report,
    )
