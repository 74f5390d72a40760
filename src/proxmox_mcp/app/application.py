"""The ASGI application: ``/sse`` and ``/mcp`` side by side, health, metrics, and the checks before them."""

# Tested through tests/e2e/test_http.py.

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route

from proxmox_mcp.app import health
from proxmox_mcp.app.authentication import Authentication
from proxmox_mcp.app.bodies import MAX_BODY_BYTES, BufferedBodies
from proxmox_mcp.app.cors import Cors
from proxmox_mcp.app.framing import Framing
from proxmox_mcp.app.hosts import LOOPBACK, HostGuard
from proxmox_mcp.app.lifecycle import running
from proxmox_mcp.app.metrics import CONTENT_TYPE
from proxmox_mcp.app.people import ByPort, ConsoleOnly, WithPages
from proxmox_mcp.app.request_ids import RequestIds
from proxmox_mcp.app.routes import HTTP, LIVE, MESSAGES, METRICS, READY, SSE, RootPath
from proxmox_mcp.app.session_ends import OrderlyEnds
from proxmox_mcp.app.shares import MAX_SESSIONS, CallerShares
from proxmox_mcp.app.sse import Sse
from proxmox_mcp.server.mcp_server import CALLER
from proxmox_mcp.web import FrontPages, make_console, not_found

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server.lowlevel import Server
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from proxmox_mcp.app.metrics import Metrics
    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.policy.callers import Callers, CallersSource
    from proxmox_mcp.policy.stored_callers import StoredCallers
    from proxmox_mcp.settings import ServerSettings
    from proxmox_mcp.web import Console


def make_app(
    server: Server[Any],
    gateway: Gateway | None,
    settings: ServerSettings,
    callers: Callers | CallersSource | None,
    metrics: Metrics | None = None,
    what_to_set: str = "",
    console: Console | None = None,
    stored: StoredCallers | None = None,
) -> ASGIApp:
    """The application with its checks: request id, framing, path, Host and Origin, CORS, token, share, whole body.

    ``gateway`` None: the settings are wrong, and ``what_to_set`` says what to correct. ``console`` None: the server
    has no console. ``stored``: callers that were made in the console.
    """
    stateless = settings.mcp_stateless
    sse = Sse(server, settings.mcp_stream_idle)
    if metrics is not None:
        metrics.sessions = lambda: {"sse": sse.sessions, "http": _sessions(server)}
    http = server.streamable_http_app(
        streamable_http_path=HTTP,
        stateless_http=stateless,
        max_request_body_size=MAX_BODY_BYTES,
        max_sessions=MAX_SESSIONS,
        host=settings.mcp_host,
        # HostGuard checks Host for every route. The SDK (2.3.0) compares it exactly and case-sensitively, and leaves
        # out custom routes.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )

    def measured(request: Request) -> Response:
        if metrics is None or settings.mcp_metrics_port:
            return not_found(request)
        return Response(metrics.text(request.scope[CALLER]), media_type=CONTENT_TYPE)

    app = Starlette(
        routes=[
            Route(SSE, endpoint=_AsgiEndpoint(sse.open)),
            Mount(MESSAGES, app=sse.post),
            *http.routes,
            Route(LIVE, endpoint=health.live),
            Route(READY, endpoint=health.readiness(gateway, what_to_set)),
            Route(METRICS, endpoint=measured),
        ],
        exception_handlers={404: _unknown},
        lifespan=_lifespan(server, gateway),
    )
    # A redirect would name the proxy's scheme and drop the token: ``RootPath`` takes both forms.
    app.router.redirect_slashes = False
    origins = settings.mcp_allowed_origins
    shared = CallerShares(
        BufferedBodies(OrderlyEnds(app)), server, settings.mcp_sessions, settings.mcp_stream_idle, stateless=stateless
    )
    speaking = Cors(Authentication(shared, callers, stored), origins)
    return RequestIds(
        Framing(RootPath(_with_pages(speaking, gateway, settings, callers, console), settings.mcp_root_path))
    )


def _with_pages(
    app: ASGIApp,
    gateway: Gateway | None,
    settings: ServerSettings,
    callers: Callers | CallersSource | None,
    console: Console | None,
) -> ASGIApp:
    """The application with the pages for people, behind the check of Host and Origin."""
    port, name = settings.mcp_console_port, settings.mcp_console_host
    pages = make_console(console) if console is not None else None
    here = pages is not None and not port and not name
    front = FrontPages(healthy=lambda: health.is_ready(gateway), console=here, asks_token=callers is not None)
    served = WithPages(app, front, None if port else pages, "" if port else name)
    hosts = settings.mcp_allowed_hosts
    guarded = HostGuard(
        served, (*(hosts or LOOPBACK), name) if name and not port else hosts, settings.mcp_allowed_origins
    )
    if pages is None or not port:
        return guarded
    named = tuple(filter(None, (name, console.public.host if console and console.public else "")))
    return ByPort(guarded, ConsoleOnly(app, front, pages, named or hosts), port)


async def _unknown(request: Request, _: Exception) -> Response:
    """A path that nothing serves, asked for with a token."""
    return not_found(request)


def _sessions(server: Server[Any]) -> int:
    """Sessions of streamable HTTP. The SDK (2.3.0) has no public count."""
    return len(server.session_manager._server_instances)  # noqa: SLF001


class _AsgiEndpoint:
    """An ASGI application as the endpoint of a route: a class, since Starlette wraps functions."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _lifespan(server: Server[Any], gateway: Gateway | None) -> Any:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with server.session_manager.run(), running(gateway):
            yield

    return lifespan
