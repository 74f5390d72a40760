"""The server over standard input and output, for clients that start it themselves."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.stdio import stdio_server

from proxmox_mcp.gateway.schema_source import warm

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from proxmox_mcp.gateway import Gateway

_FIRST_ANSWERS = 0.5
"""Seconds for the client's first requests (for the list of tools) before anything else uses the processor."""


async def serve_stdio(server: Server[Any], gateway: Gateway | None) -> None:
    """Serve until the client closes its end. ``gateway`` is what the server works with; None where it has none."""
    async with AsyncExitStack() as stack:
        if gateway is not None:
            stack.push_async_callback(gateway.aclose)  # Last: what runs in a group that is cancelled can't wait.
            group = await stack.enter_async_context(anyio.create_task_group())
            group.start_soon(_prepare, gateway)
            group.start_soon(gateway.guard.limits.keep)
            if gateway.notifier is not None:
                group.start_soon(gateway.notifier.keep)
            stack.callback(group.cancel_scope.cancel)
            await stack.enter_async_context(gateway.plans.running())
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())


async def _prepare(gateway: Gateway) -> None:
    """Load what the first calls would otherwise wait for, and follow the versions of the clusters."""
    await anyio.sleep(_FIRST_ANSWERS)
    async with anyio.create_task_group() as group:
        for cluster in gateway.clusters.values():
            warm(cluster.schema)
            group.start_soon(cluster.schema.keep)
