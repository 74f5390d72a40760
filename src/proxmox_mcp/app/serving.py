"""Serving over the network: the address, what is served there by the settings, then uvicorn until SIGTERM."""

from __future__ import annotations

import contextlib
import logging
import signal
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from proxmox_mcp.app.application import make_app
from proxmox_mcp.app.listener import listening
from proxmox_mcp.app.logs import announce, configure_logging
from proxmox_mcp.app.metrics import Metrics
from proxmox_mcp.assembly import callers_of, checked_gateway_of, redactor_of
from proxmox_mcp.errors import SettingsError, SettingsFaults
from proxmox_mcp.policy.callers import CallersSource
from proxmox_mcp.server.mcp_server import make_server
from proxmox_mcp.server.misconfigured import make_misconfigured_server, what_to_set

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    import uvicorn
    from starlette.types import ASGIApp

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.policy.callers import Callers
    from proxmox_mcp.settings import ServerSettings, Settings

_LOG = logging.getLogger("proxmox_mcp")
_GRACE = 5
"""Seconds that calls under way have when the server is told to end."""
_WHO_CALLS = frozenset({"MCP_AUTH", "MCP_AUTH_TOKEN", "MCP_CALLERS_FILE"})
_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open: longer than a model thinks, and than proxies keep theirs (nginx: 60)."""


def must_be_safe(settings: ServerSettings) -> None:
    """Refuse an address that others reach without knowing who calls. Raises SettingsError with the lines to set."""
    if settings.mcp_auth == "none" or settings.mcp_auth_token.get_secret_value() or settings.mcp_callers_file:
        return
    if settings.loopback:
        return
    hosts = "" if settings.mcp_allowed_hosts else ", and MCP_ALLOWED_HOSTS to the name that clients use"
    raise SettingsError(
        f"MCP_AUTH_TOKEN is missing, and MCP_HOST={settings.mcp_host} can be reached from other machines.",
        f"Set MCP_AUTH_TOKEN to what `proxmox-mcp token new` prints{hosts}; or MCP_HOST=127.0.0.1 to serve this "
        "machine only; or MCP_AUTH=none if a proxy in front asks who calls.",
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is served: a gateway, or in its place the error that every call is answered with.

    ``callers_known``: whether the settings tell who may call; where not, nobody learns any value of them.
    """

    core: Gateway | SettingsError
    callers: Callers | CallersSource | None
    callers_known: bool = True


def _put_together(settings: Settings, metrics: Metrics) -> _Parts:
    """Everything that is served, or all that is wrong with the settings."""
    callers: Callers | CallersSource | None = None
    who_calls = SettingsFaults()
    if not settings.wrong & _WHO_CALLS:
        with who_calls.collected():
            must_be_safe(settings.server)
        with who_calls.collected():
            callers = callers_of(settings.server, tuple(settings.clusters))
    core = checked_gateway_of(settings, metrics, who_calls)
    known = not (who_calls.found or settings.wrong & _WHO_CALLS)
    return _Parts(core, callers if known else None, known)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; with faults among the settings, an answer that tells them in place of the tools.

    Raises SettingsError where the address can't be listened on.
    """
    import uvicorn

    server_settings = settings.server
    with listening(server_settings.mcp_host, server_settings.mcp_port) as sockets:
        configure_logging(server_settings, redactor_of(settings))
        metrics = Metrics()
        parts = _put_together(settings, metrics)
        for note in settings.notes:
            _LOG.warning("%s", note)
        app = _application(parts, server_settings, metrics)
        announce(parts.core)
        _say_how_to_connect(server_settings, sockets[0].getsockname()[1])
        with _metrics_port(server_settings, metrics):
            _run(uvicorn.Server(_config(app)), sockets, partial(_reload, parts))


def _application(parts: _Parts, settings: ServerSettings, metrics: Metrics) -> ASGIApp:
    """The application over the gateway, or over the faults in its place."""
    core = parts.core
    if isinstance(core, SettingsError):
        told = what_to_set(core, callers_known=parts.callers_known)
        server = make_misconfigured_server(told, writes=settings.mcp_mode != "read-only", observe=metrics.called)
        return make_app(server, None, settings, parts.callers, metrics if parts.callers_known else None, told)
    metrics.gateway = core
    state_key = settings.mcp_state_key.get_secret_value()
    server = make_server(core, state_key=state_key, observe=metrics.called)
    return make_app(server, core, settings, parts.callers, metrics)


def _reload(parts: _Parts) -> None:
    if isinstance(parts.core, SettingsError):
        _LOG.warning("the settings are wrong: correct them, then restart the server")
        return
    if parts.core.guard.source.reload():
        _LOG.info("policy read anew")
    if isinstance(parts.callers, CallersSource) and parts.callers.reload():
        _LOG.info("callers read anew")


def _config(app: Any) -> uvicorn.Config:
    import uvicorn

    from proxmox_mcp.app.connections import bounded_protocol, most_connections

    return uvicorn.Config(
        app,
        http=bounded_protocol(most_connections()),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=_KEEP_ALIVE,
        lifespan="on",
        ws="none",
    )


def _run(server: uvicorn.Server, sockets: list[socket.socket], reload: Callable[[], None]) -> None:
    """Run until told to end; SIGHUP reads policy and callers anew.

    uvicorn raises the signal that ended it once more when all is closed: by then it has been obeyed.
    """
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: reload())
    for obeyed in (signal.SIGTERM, signal.SIGINT):
        signal.signal(obeyed, lambda *_: None)
    server.run(sockets=sockets)


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
        port = f"MCP_METRICS_PORT={settings.mcp_metrics_port}"
        raise SettingsError(f"{port} can't be opened ({error.strerror}): set another port, or 0 for none.") from error
    try:
        yield
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def _say_how_to_connect(settings: ServerSettings, port: int) -> None:
    host = settings.mcp_allowed_hosts[0] if settings.mcp_allowed_hosts else "127.0.0.1"
    named = "" if ":" in host.strip("[]") else f":{port}"
    base = f"http://{host}{named}{settings.mcp_root_path}"
    _LOG.info("serving %s/mcp (streamable HTTP) and %s/sse, mode %s", base, base, settings.mcp_mode)
    if not settings.mcp_allowed_hosts:
        _LOG.info("clients must use a loopback name; for others set MCP_ALLOWED_HOSTS")
