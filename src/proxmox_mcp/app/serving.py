"""Serving over the network: what must be set before an address is opened, then uvicorn until SIGTERM."""

from __future__ import annotations

import contextlib
import logging
import secrets
import signal
from typing import TYPE_CHECKING, Any

from proxmox_mcp.app.application import make_app
from proxmox_mcp.app.logs import configure_logging
from proxmox_mcp.app.metrics import Metrics
from proxmox_mcp.assembly import callers_of, gateway_of
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.guard.callers import CallersSource
from proxmox_mcp.server.mcp_server import make_server

if TYPE_CHECKING:
    from collections.abc import Callable

    import uvicorn

    from proxmox_mcp.settings import ServerSettings, Settings

_LOG = logging.getLogger("proxmox_mcp")
_GRACE = 5
"""Seconds that calls under way have when the server is told to end."""
_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open: longer than a model thinks, and than proxies keep theirs (nginx: 60)."""


def must_be_safe(settings: ServerSettings) -> None:
    """Refuse to open an address to others without knowing who calls. Raises SettingsError with the lines to set."""
    if settings.mcp_auth == "none" or settings.mcp_auth_token.get_secret_value() or settings.mcp_callers_file:
        return
    if settings.loopback:
        return
    hosts = "" if settings.mcp_allowed_hosts else "\n  MCP_ALLOWED_HOSTS=proxmox-mcp.example.org"
    raise SettingsError(
        f"MCP_HOST={settings.mcp_host} can be reached from other machines, and nobody would be asked who they are.",
        f"Set these (the token is a new one, the name is the one that clients will use):\n"
        f"  MCP_AUTH_TOKEN={secrets.token_urlsafe(32)}{hosts}\n"
        f"or MCP_HOST=127.0.0.1 to serve this machine only, or MCP_AUTH=none if something before it asks.",
    )


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises SettingsError before anything is opened."""
    import uvicorn

    must_be_safe(settings.server)
    metrics = Metrics()
    gateway = gateway_of(settings, metrics)
    metrics.gateway = gateway
    callers = callers_of(settings.server, tuple(settings.clusters))
    configure_logging(settings.server, gateway.guard.redactor)
    for note in settings.notes:
        _LOG.warning("%s", note)
    state_key = settings.server.mcp_state_key.get_secret_value()
    server = make_server(gateway, state_key=state_key, observe=metrics.called)
    app = make_app(server, gateway, settings.server, callers, metrics)
    _say_how_to_connect(settings.server)

    def reload() -> None:
        if gateway.guard.source.reload():
            _LOG.info("policy read anew")
        if isinstance(callers, CallersSource) and callers.reload():
            _LOG.info("callers read anew")

    with _metrics_port(settings.server, metrics):
        _run(uvicorn.Server(_config(app, settings.server)), reload)


def _config(app: Any, settings: ServerSettings) -> uvicorn.Config:
    import uvicorn

    from proxmox_mcp.app.connections import bounded_protocol, most_connections

    return uvicorn.Config(
        app,
        http=bounded_protocol(most_connections()),
        host=settings.mcp_host.strip("[]"),
        port=settings.mcp_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=_KEEP_ALIVE,
        lifespan="on",
        ws="none",
    )


def _run(server: uvicorn.Server, reload: Callable[[], None]) -> None:
    """Run until told to end; SIGHUP reads policy and callers anew.

    uvicorn raises the signal that ended it once more when all is closed: by then it has been obeyed.
    """
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: reload())
    for obeyed in (signal.SIGTERM, signal.SIGINT):
        signal.signal(obeyed, lambda *_: None)
    server.run()


@contextlib.contextmanager
def _metrics_port(settings: ServerSettings, metrics: Metrics) -> Any:
    """Metrics on a port of their own, without a token: for a network that only Prometheus is on."""
    if not settings.mcp_metrics_port:
        yield
        return
    from prometheus_client import start_http_server

    try:
        running, thread = start_http_server(settings.mcp_metrics_port, settings.mcp_host, metrics.registry)
    except OSError as error:
        raise SettingsError(
            f"MCP_METRICS_PORT={settings.mcp_metrics_port} can't be opened: {error.strerror}."
        ) from error
    try:
        yield
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def _say_how_to_connect(settings: ServerSettings) -> None:
    host = settings.mcp_allowed_hosts[0] if settings.mcp_allowed_hosts else "127.0.0.1"
    port = "" if ":" in host.strip("[]") else f":{settings.mcp_port}"
    base = f"http://{host}{port}{settings.mcp_root_path}"
    _LOG.info("serving %s/mcp (streamable HTTP) and %s/sse, mode %s", base, base, settings.mcp_mode)
    if not settings.mcp_allowed_hosts:
        _LOG.info("clients must use a loopback name; for others set MCP_ALLOWED_HOSTS")
