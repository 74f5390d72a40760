"""The server over standard input and output, for clients that start it themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.stdio import stdio_server

from proxmox_mcp.gateway.schema import warm

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from proxmox_mcp.gateway import Gateway


async def serve_stdio(server: Server[Any], gateway: Gateway) -> None:
    """Serve until the client closes its end."""
    async with anyio.create_task_group() as group:
        for cluster in gateway.clusters.values():
            warm(cluster.schema)
            group.start_soon(cluster.schema.keep)
        group.start_soon(gateway.guard.limits.keep)
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())
        group.cancel_scope.cancel()
