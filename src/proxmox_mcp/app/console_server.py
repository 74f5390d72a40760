"""``proxmox-mcp console``: the console alone, on loopback, for servers that clients start over stdio."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.routing import Route

from proxmox_mcp.app import health
from proxmox_mcp.app.framing import Framing
from proxmox_mcp.app.hosts import is_loopback
from proxmox_mcp.app.lifecycle import running
from proxmox_mcp.app.listener import listening_sockets
from proxmox_mcp.app.logs import configure_logging, log_start
from proxmox_mcp.app.people import ConsoleOnly
from proxmox_mcp.app.request_ids import RequestIds
from proxmox_mcp.app.routes import LIVE
from proxmox_mcp.app.uvicorn_server import run_until_signal
from proxmox_mcp.assembly import checked_gateway_of, redactor_of
from proxmox_mcp.web import CONSOLE, FrontPages, Passwords, console_address, console_of, make_console

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.settings import ServerSettings, Settings

PORT = 8010
"""Unless MCP_CONSOLE_PORT or --port names another."""


def serve_console(
    settings: Settings, listening: Callable[[str], None], *, check: Callable[[], str] | None = None
) -> None:
    """Serve on 127.0.0.1 until SIGTERM, SIGINT, or SIGHUP (its terminal was closed).

    ``listening`` is told the address once it is open. ``check`` checks the set-up, for the console.

    With the settings of a cluster it shows the cluster too, and can undo; without them only the state that is shared.
    Raises SettingsError if the port can't be opened, or the store or the passwords are wrong.
    """
    server = settings.server
    passwords = Passwords(server.mcp_console_password.get_secret_value())
    with listening_sockets(
        "127.0.0.1", server.mcp_console_port or PORT, setting="MCP_CONSOLE_PORT, or console --port"
    ) as sockets:
        configure_logging(server, redactor_of(settings))
        core = checked_gateway_of(settings) if _names_a_cluster(settings) else None
        if core is not None:
            log_start(core)
        console = console_of(settings, core, passwords, serves_clients=False, check=check)
        listening(_address(server, sockets[0].getsockname()[1]))
        run_until_signal(_application(console.gateway, make_console(console)), sockets, reload=None)


def _address(server: ServerSettings, port: int) -> str:
    """Where this console is, with a slash at the end.

    MCP_PUBLIC_URL and MCP_ROOT_PATH may be those of a server behind a proxy; here only names of loopback are answered.
    """
    if is_loopback(urlsplit(server.mcp_public_url).netloc):
        return console_address(server, port)
    return f"http://127.0.0.1:{port}{CONSOLE}/"


def _names_a_cluster(settings: Settings) -> bool:
    return bool(settings.faults) or any(each.proxmox_host for each in settings.clusters.values())


def _application(gateway: Gateway | None, console: ASGIApp) -> ASGIApp:
    """The console behind the check of Host, and the life of the gateway."""
    front = FrontPages(healthy=lambda: True, console=True, asks_token=False)
    inner = Starlette(routes=[Route(LIVE, endpoint=health.live)], lifespan=lambda _: running(gateway))
    return RequestIds(Framing(ConsoleOnly(inner, front, console, hosts=())))
