"""What runs beside the requests as long as a server lives: plans, and what keeps the schemas and the limits current."""

# Tested through tests/e2e/test_http.py.

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from proxmox_mcp.gateway.schema_source import warm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxmox_mcp.gateway import Gateway


@asynccontextmanager
async def running(gateway: Gateway | None) -> AsyncIterator[None]:
    """Around the life of a server; without a gateway there is nothing to run."""
    async with AsyncExitStack() as stack:
        if gateway is not None:
            stack.push_async_callback(gateway.aclose)  # Last: what runs in a group that is cancelled can't wait.
            group = await stack.enter_async_context(anyio.create_task_group())
            for cluster in gateway.clusters.values():
                warm(cluster.schema)
                group.start_soon(cluster.schema.keep)
            group.start_soon(gateway.guard.limits.keep)
            if gateway.notifier is not None:
                group.start_soon(gateway.notifier.keep)
            stack.callback(group.cancel_scope.cancel)
            await stack.enter_async_context(gateway.plans.running())
        yield
