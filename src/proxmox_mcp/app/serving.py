"""Serving over HTTP: opens the sockets, builds the application from the settings, runs uvicorn until SIGTERM."""

# Tested through tests/e2e/test_http.py and tests/e2e/test_misconfigured.py.

from __future__ import annotations

import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from prometheus_client import start_http_server

from proxmox_mcp.app.application import make_app
from proxmox_mcp.app.listener import listening_sockets, require_authentication
from proxmox_mcp.app.logs import configure_logging, log_start
from proxmox_mcp.app.metrics import Metrics
from proxmox_mcp.app.uvicorn_server import run_until_signal
from proxmox_mcp.assembly import callers_of, checked_gateway_of, redactor_of
from proxmox_mcp.errors import SettingsError, SettingsFaults
from proxmox_mcp.policy.callers import CallersSource
from proxmox_mcp.policy.stored_callers import StoredCallers
from proxmox_mcp.server.mcp_server import make_server
from proxmox_mcp.server.misconfigured import make_misconfigured_server, what_to_set
from proxmox_mcp.web import Passwords, console_address, console_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.policy.callers import Callers
    from proxmox_mcp.settings import ServerSettings, Settings
    from proxmox_mcp.web import Console

_LOG = logging.getLogger("proxmox_mcp")
_CALLER_SETTINGS = frozenset({"MCP_AUTH", "MCP_AUTH_TOKEN", "MCP_CALLERS_FILE"})


class _Served(Struct, frozen=True):
    """What is served: a gateway, or the error that every call gets instead.

    ``callers_known`` is False if the settings don't say who may call: then no value of the settings is shown.
    """

    core: Gateway | SettingsError
    callers: Callers | CallersSource | None
    callers_known: bool = True
    stored: StoredCallers | None = None
    console: Console | None = None


def _assemble(settings: Settings, metrics: Metrics, check: Callable[[], str] | None) -> _Served:
    """Everything that is served, or everything that is wrong with the settings."""
    callers: Callers | CallersSource | None = None
    caller_faults = SettingsFaults()
    if not settings.wrong & _CALLER_SETTINGS:
        with caller_faults.collected():
            require_authentication(settings.server)
        with caller_faults.collected():
            callers = callers_of(settings.server, tuple(settings.clusters))
    known = not (caller_faults.found or settings.wrong & _CALLER_SETTINGS)
    faults, passwords = SettingsFaults(caller_faults.found), Passwords()
    with faults.collected():
        passwords = Passwords(settings.server.mcp_console_password.get_secret_value())
    core = checked_gateway_of(settings, metrics, faults)
    stored = None if isinstance(core, SettingsError) else StoredCallers(core.guard.store)
    console: Console | None = None
    if settings.server.mcp_console == "on":
        # What is wrong with the store is among the faults of the core already.
        with contextlib.suppress(SettingsError):
            console = console_of(
                settings,
                core,
                passwords,
                stored,
                configured=lambda: _configured(callers),
                open_sessions=lambda: metrics.sessions(),
                check=check,
            )
    return _Served(core, callers if known else None, known, stored, console)


def _configured(callers: Callers | CallersSource | None) -> tuple[Caller, ...]:
    """The callers of the settings and of the callers file, as they are now."""
    if callers is None:
        return ()
    return tuple(callers.callers if isinstance(callers, CallersSource) else callers)


def serve(settings: Settings, *, check: Callable[[], str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. With wrong settings, every call is answered with the settings to correct.

    ``check`` checks the set-up, for the console. Raises SettingsError if the address can't be opened.
    """
    server_settings = settings.server
    with _sockets(server_settings) as sockets:
        configure_logging(server_settings, redactor_of(settings))
        metrics = Metrics()
        parts = _assemble(settings, metrics, check)
        for note in settings.notes:
            _LOG.warning("%s", note)
        app = _application(parts, server_settings, metrics)
        with _metrics_port(server_settings, metrics):
            log_start(parts.core)
            _log_addresses(server_settings, sockets[0].getsockname()[1])
            run_until_signal(app, sockets, reload=partial(_reload, parts))


@contextlib.contextmanager
def _sockets(settings: ServerSettings) -> Iterator[list[socket.socket]]:
    """The sockets of the main port, and of the console's own port if it has one."""
    _require_ports_apart(settings)
    with listening_sockets(settings.mcp_host, settings.mcp_port) as sockets:
        if settings.mcp_console == "off" or not settings.mcp_console_port:
            yield sockets
            return
        with listening_sockets(settings.mcp_host, settings.mcp_console_port, setting="MCP_CONSOLE_PORT") as more:
            yield [*sockets, *more]


def _require_ports_apart(settings: ServerSettings) -> None:
    """Without this the second to open a port would call this very server another program."""
    ports = {"MCP_PORT": settings.mcp_port, "MCP_METRICS_PORT": settings.mcp_metrics_port}
    if settings.mcp_console == "on":
        ports["MCP_CONSOLE_PORT"] = settings.mcp_console_port
    taken: dict[int, str] = {}
    for name, port in ports.items():
        if port and port in taken:
            raise SettingsError(f"{taken[port]} and {name} are both {port}.", f"Set {name} to another port, or to 0.")
        taken[port] = name


def _application(parts: _Served, settings: ServerSettings, metrics: Metrics) -> ASGIApp:
    """The application over the gateway, or the one that tells what is wrong with the settings."""
    core = parts.core
    if isinstance(core, SettingsError):
        told = what_to_set(core, callers_known=parts.callers_known)
        server = make_misconfigured_server(told, writes=settings.mcp_mode != "read-only", observe=metrics.called)
        return make_app(
            server, None, settings, parts.callers, metrics if parts.callers_known else None, told, parts.console
        )
    metrics.gateway = core
    state_key = settings.mcp_state_key.get_secret_value()
    server = make_server(core, state_key=state_key, observe=metrics.called)
    return make_app(server, core, settings, parts.callers, metrics, console=parts.console, stored=parts.stored)


def _reload(parts: _Served) -> None:
    if isinstance(parts.core, SettingsError):
        _LOG.warning("the settings are wrong: correct them, then restart the server")
        return
    if parts.core.guard.source.reload():
        _LOG.info("policy reloaded")
    if isinstance(parts.callers, CallersSource) and parts.callers.reload():
        _LOG.info("callers reloaded")


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
    if settings.mcp_console == "on":
        _LOG.info(
            "console: %s; `proxmox-mcp console link` prints a link to sign in", console_address(settings, port=port)
        )
    if not settings.mcp_allowed_hosts:
        _LOG.info("clients must use a loopback name; set MCP_ALLOWED_HOSTS to allow others")
