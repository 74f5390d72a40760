"""The server over standard input and output, for clients that start it themselves."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.stdio import stdio_server

from proxmox_mcp.gateway.schema_source import warm

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp.server.lowlevel import Server

    from proxmox_mcp.gateway import Gateway

QUIET, LONGEST = 0.25, 3.0
"""Seconds for which no request waits before anything else uses the processor, and after which it does in any case."""


async def serve_stdio(server: Server[Any], gateway: Gateway | None, settle: Callable[[], None]) -> None:
    """Serve until the client closes its end. ``gateway`` is what the server works with; None where it has none.

    ``settle`` is called in the first pause of the client: until then it waits for a start or for its first call, which
    make 25,000 objects that stay, and looking for garbage among them takes 8 ms.
    """
    async with AsyncExitStack() as stack:
        if gateway is None:
            settle()
        else:
            requests = Requests()
            server.middleware.append(requests)
            stack.push_async_callback(gateway.aclose)  # Last: what runs in a group that is cancelled can't wait.
            group = await stack.enter_async_context(anyio.create_task_group())
            group.start_soon(_prepare, gateway, requests, settle)
            group.start_soon(gateway.guard.limits.keep)
            if gateway.notifier is not None:
                group.start_soon(gateway.notifier.keep)
            stack.callback(group.cancel_scope.cancel)
            await stack.enter_async_context(gateway.plans.running())
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())


class Requests:
    """Counts the requests that wait for an answer, as middleware of the server."""

    def __init__(self) -> None:
        self._waiting = 0
        self._one_more = anyio.Event()

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Pass a request on."""
        self._waiting += 1
        try:
            return await call_next(ctx)
        finally:
            self._waiting -= 1
            self._one_more.set()

    async def pause(self) -> None:
        """Wait until the client makes a pause: it has read the list of tools, or has its first answer."""
        quiet = False
        with anyio.move_on_after(LONGEST):
            while not quiet:
                self._one_more = anyio.Event()
                with anyio.move_on_after(QUIET) as pause:
                    await self._one_more.wait()
                quiet = pause.cancelled_caught and not self._waiting


async def _prepare(gateway: Gateway, requests: Requests, settle: Callable[[], None]) -> None:
    """Load what the first calls would otherwise wait for, and follow the versions of the clusters.

    Not at once: threads share one interpreter, so that a first call would take as much longer as this takes.
    """
    await requests.pause()
    settle()
    async with anyio.create_task_group() as group:
        for cluster in gateway.clusters.values():
            warm(cluster.schema)
            group.start_soon(cluster.schema.keep)
