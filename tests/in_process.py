"""The server within the test's own process, over real HTTP: for what a test must reach into, such as a clock."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import uvicorn

from proxmox_mcp.app.application import make_app
from proxmox_mcp.app.connections import bounded_protocol
from proxmox_mcp.app.metrics import Metrics
from proxmox_mcp.assembly import callers_of, gateway_of
from proxmox_mcp.server.mcp_server import make_server
from proxmox_mcp.settings import load_settings
from seeds import sow
from serving import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from proxmox_mcp.gateway import Gateway


@dataclass(frozen=True)
class Here:
    """A server that runs in this process."""

    gateway: Gateway
    port: int
    metrics: Metrics

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving_here(directory: Path, **settings: str) -> AsyncIterator[Here]:
    """Serve for the length of a block."""
    sow(directory / "state")
    read = load_settings({"MCP_HOST": "127.0.0.1", "MCP_CACHE_DIR": str(directory / "state"), **settings})
    gateway, port, metrics = gateway_of(read), free_port(), Metrics()
    app = make_app(make_server(gateway), gateway, read.server, callers_of(read.server, tuple(read.clusters)), metrics)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=1, http=bounded_protocol()
    )
    server, ended = uvicorn.Server(config), anyio.Event()

    async def serve() -> None:
        try:
            await server.serve()
        finally:
            ended.set()

    async with anyio.create_task_group() as group:
        group.start_soon(serve)
        while not server.started:  # noqa: ASYNC110 - it has no event for it
            await anyio.sleep(0.01)
        try:
            yield Here(gateway, port, metrics)
        finally:
            server.should_exit = True
            with anyio.CancelScope(shield=True):  # also after a failure: else what it has open would be left so
                await ended.wait()
