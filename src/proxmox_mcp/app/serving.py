"""Serving over HTTP: opens the sockets, builds the application from the settings, runs uvicorn until SIGTERM."""

from __future__ import annotations

import contextlib
import logging
import signal
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn
from prometheus_client import start_http_server

from proxmox_mcp.app.application import make_app
from proxmox_mcp.app.connections import bounded_protocol, max_connections
from proxmox_mcp.app.listener import listening_sockets, require_authentication
from proxmox_mcp.app.logs import configure_logging, log_start
from proxmox_mcp.app.metrics import Metrics
from proxmox_mcp.assembly import callers_of, checked_gateway_of, redactor_of
from proxmox_mcp.errors import SettingsError, SettingsFaults
from proxmox_mcp.policy.callers import CallersSource
from proxmox_mcp.server.mcp_server import make_server
from proxmox_mcp.server.misconfigured import make_misconfigured_server, what_to_set

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.policy.callers import Callers
    from proxmox_mcp.settings import ServerSettings, Settings

_LOG = logging.getLogger("proxmox_mcp")
_SHUTDOWN_SECONDS = 5
"""Seconds that running calls have to finish when the server shuts down."""
_CALLER_SETTINGS = frozenset({"MCP_AUTH", "MCP_AUTH_TOKEN", "MCP_CALLERS_FILE"})
_KEEP_ALIVE_SECONDS = 75
"""Seconds that an idle connection stays open. uvicorn's 5 are shorter than a model thinks between two calls, and a
server that closes first gives proxies (nginx: 60) a broken connection now and then."""


@dataclass(frozen=True, slots=True)
class _Served:
    """What is served: a gateway, or the error that every call gets instead.

    ``callers_known`` is False if the settings don't say who may call: then no value of the settings is shown.
    """

    core: Gateway | SettingsError
    callers: Callers | CallersSource | None
    callers_known: bool = True


def _assemble(settings: Settings, metrics: Metrics) -> _Served:
    """Everything that is served, or everything that is wrong with the settings."""
    callers: Callers | CallersSource | None = None
    caller_faults = SettingsFaults()
    if not settings.wrong & _CALLER_SETTINGS:
        with caller_faults.collected():
            require_authentication(settings.server)
        with caller_faults.collected():
            callers = callers_of(settings.server, tuple(settings.clusters))
    core = checked_gateway_of(settings, metrics, caller_faults)
    known = not (caller_faults.found or settings.wrong & _CALLER_SETTINGS)
    return _Served(core, callers if known else None, known)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. With wrong settings, every call is answered with the settings to correct.

    Raises SettingsError if the address can't be opened.
    """
    server_settings = settings.server
    with listening_sockets(server_settings.mcp_host, server_settings.mcp_port) as sockets:
        configure_logging(server_settings, redactor_of(settings))
        metrics = Metrics()
        parts = _assemble(settings, metrics)
        for note in settings.notes:
            _LOG.warning("%s", note)
        app = _application(parts, server_settings, metrics)
        log_start(parts.core)
        _log_addresses(server_settings, sockets[0].getsockname()[1])
        with _metrics_port(server_settings, metrics):
            _run(uvicorn.Server(_config(app)), sockets, partial(_reload, parts))


def _application(parts: _Served, settings: ServerSettings, metrics: Metrics) -> ASGIApp:
    """The application over the gateway, or the one that tells what is wrong with the settings."""
    core = parts.core
    if isinstance(core, SettingsError):
        told = what_to_set(core, callers_known=parts.callers_known)
        server = make_misconfigured_server(told, writes=settings.mcp_mode != "read-only", observe=metrics.called)
        return make_app(server, None, settings, parts.callers, metrics if parts.callers_known else None, told)
    metrics.gateway = core
    state_key = settings.mcp_state_key.get_secret_value()
    server = make_server(core, state_key=state_key, observe=metrics.called)
    return make_app(server, core, settings, parts.callers, metrics)


def _reload(parts: _Served) -> None:
    if isinstance(parts.core, SettingsError):
        _LOG.warning("the settings are wrong: correct them, then restart the server")
        return
    if parts.core.guard.source.reload():
        _LOG.info("policy reloaded")
    if isinstance(parts.callers, CallersSource) and parts.callers.reload():
        _LOG.info("callers reloaded")


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=bounded_protocol(max_connections()),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        lifespan="on",
        ws="none",
    )


def _run(server: uvicorn.Server, sockets: list[socket.socket], reload: Callable[[], None]) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads policy and callers.

    After a clean shutdown uvicorn (0.54) raises the signal again, which would end the process with an error status:
    handlers that do nothing prevent that.
    """
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: reload())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run(sockets=sockets)


@contextlib.contextmanager
def _metrics_port(settings: ServerSettings, metrics: Metrics) -> Any:
    """Metrics on a separate port without a token, for a network that only Prometheus can reach."""
    if not settings.mcp_metrics_port:
        yield
        return
    try:
        running, thread = start_http_server(settings.mcp_metrics_port, settings.mcp_host, metrics.registry)
    except OSError as error:
        port = f"MCP_METRICS_PORT={settings.mcp_metrics_port}"
        raise SettingsError(
            f"{port} can't be opened ({error.strerror}): set another port, or 0 to serve metrics with the rest."
        ) from error
    try:
        yield
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def _log_addresses(settings: ServerSettings, port: int) -> None:
    host = settings.mcp_allowed_hosts[0] if settings.mcp_allowed_hosts else "127.0.0.1"
    named = "" if ":" in host.strip("[]") else f":{port}"
    base = f"http://{host}{named}{settings.mcp_root_path}"
    _LOG.info("serving %s/mcp (streamable HTTP) and %s/sse, mode %s", base, base, settings.mcp_mode)
    if not settings.mcp_allowed_hosts:
        _LOG.info("clients must use a loopback name; set MCP_ALLOWED_HOSTS to allow others")
