"""``proxmox-mcp serve``."""

from __future__ import annotations

import logging

import click

from proxmox_mcp.cli import startup
from proxmox_mcp.settings import load_settings


@click.command()
@click.option("--stdio", is_flag=True, help="Serve one client over standard input and output.")
def serve(stdio: bool) -> None:
    """Serve MCP: /sse and /mcp on MCP_HOST:MCP_PORT, or --stdio. Settings come from the environment."""
    settings = load_settings()
    if not stdio:
        from proxmox_mcp.app.serving import serve as serve_http

        startup.settle()
        serve_http(settings)
        return
    import anyio

    from proxmox_mcp.app.logs import configure_logging
    from proxmox_mcp.assembly import gateway_of
    from proxmox_mcp.server.mcp_server import make_server
    from proxmox_mcp.server.stdio import serve_stdio

    gateway = gateway_of(settings)
    configure_logging(settings.server, gateway.guard.redactor)
    for note in settings.notes:
        logging.getLogger("proxmox_mcp").warning("%s", note)
    server = make_server(gateway, state_key=settings.server.mcp_state_key.get_secret_value())
    startup.settle()
    anyio.run(serve_stdio, server, gateway)
