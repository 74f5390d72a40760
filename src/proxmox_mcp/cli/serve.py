"""``proxmox-mcp serve``: the server, over HTTP or stdio.

The SDK takes 1.2 s of CPU to import, and the HTTP application 0.1 s more: neither is needed for ``--help`` and wrong
options, nor the latter for stdio.
"""

# Tested through tests/e2e/test_misconfigured.py and tests/e2e/test_transports.py.

from __future__ import annotations

import logging
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import click

from proxmox_mcp.cli import startup
from proxmox_mcp.cli.doctor_report import doctor_report
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable


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
    if isinstance(core, SettingsError):
        told = what_to_set(core, callers_known=True)
        misconfigured = make_misconfigured_server(told, writes=settings.server.mcp_mode != "read-only")
        _until_the_client_goes(partial(anyio.run, serve_stdio, misconfigured, None, startup.settle))
        return
    server = make_server(core, state_key=settings.server.mcp_state_key.get_secret_value())
    _until_the_client_goes(partial(anyio.run, serve_stdio, server, core, startup.settle))


def _until_the_client_goes(serve: Callable[[], None]) -> None:
    """A client that ends without a word closes the pipe of the answers: the end of the session, and no fault here.

    SIGINT (Ctrl-C, and how some clients end their servers) ends the process as SIGTERM does: the thread that waits for
    the client's next line can't be interrupted, so that Python's own handler would wait for that line.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        serve()
    except* BrokenPipeError:
        logging.getLogger("proxmox_mcp").info("the client has gone")
