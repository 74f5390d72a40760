"""How to connect a client: the configuration of each, with the real address, to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.client_configurations import configurations
from proxmox_mcp.web.addresses import address_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from proxmox_mcp.web.visit import Visit


async def connect(visit: Visit) -> Response:
    """The page."""
    console = visit.console
    mcp = address_of(visit.request, console.public) if console.mcp is None else console.mcp
    found = configurations(mcp, token=console.asks_token) if mcp else ()
    return visit.page("connect.html", configurations=found, mcp=mcp, asks_token=console.asks_token)
