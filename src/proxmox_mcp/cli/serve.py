"""``proxmox-mcp serve``: the server, over HTTP or stdio.

The SDK takes 1.2 s of CPU to import, and the HTTP application 0.1 s more: neither is needed for ``--help`` and wrong
options, nor the latter for stdio.
"""

from __future__ import annotations

import logging
import os

import click

from proxmox_mcp.cli import startup
from proxmox_mcp.cli.doctor_report import doctor_report
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.settings import Settings, read_settings


@click.command()
@click.option("--stdio", is_flag=True, help="Serve one client over standard input and output.")
@click.option("--host", default="", help="Address to listen on, instead of MCP_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of MCP_PORT; 0: a free one.")
def serve(stdio: bool, host: str, port: int | None) -> None:
    """Serve MCP: /sse and /mcp on MCP_HOST:MCP_PORT, or --stdio. Settings come from the environment.

    With wrong or missing settings it starts too, and answers every call with the settings to correct.
    """
    if stdio and (host or port is not None):
        raise click.UsageError("--host and --port are for HTTP. Leave them out with --stdio.")
    given = {"MCP_HOST": host, "MCP_PORT": "" if port is None else str(port)}
    environment = {**os.environ, **{name: value for name, value in given.items() if value}}
    settings = read_settings(environment)
    if stdio:
        _serve_stdio(settings)
        return
    from proxmox_mcp.app.serving import serve as serve_http

    startup.settle()
    serve_http(settings, check=lambda: doctor_report(environment))


def _serve_stdio(settings: Settings) -> None:
    import anyio

    from proxmox_mcp.app.logs import configure_logging, log_start
    from proxmox_mcp.assembly import checked_gateway_of, redactor_of
    from proxmox_mcp.server.mcp_server import make_server
    from proxmox_mcp.server.misconfigured import make_misconfigured_server, what_to_set
    from proxmox_mcp.server.stdio import serve_stdio

    configure_logging(settings.server, redactor_of(settings))
    for note in settings.notes:
        logging.getLogger("proxmox_mcp").warning("%s", note)
    core = checked_gateway_of(settings)
    log_start(core)
    startup.settle()
    if isinstance(core, SettingsError):
        told = what_to_set(core, callers_known=True)
        misconfigured = make_misconfigured_server(told, writes=settings.server.mcp_mode != "read-only")
        anyio.run(serve_stdio, misconfigured, None)
        return
    server = make_server(core, state_key=settings.server.mcp_state_key.get_secret_value())
    anyio.run(serve_stdio, server, core)
