"""Pages for people beside the routes for MCP: the console, ``/``, and pages for unknown paths.

The console checks who is there by its own cookie, so its requests never pass the check of MCP tokens, nor can a token
open it. It may have a host name or a port of its own: then nothing else is served there, and it nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.requests import Request

from proxmox_mcp.app.hosts import HostGuard
from proxmox_mcp.app.routes import is_known, is_open, route_of
from proxmox_mcp.web import CONSOLE, wants_page

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from proxmox_mcp.web import FrontPages


class WithPages:
    """Sends requests of people to their pages, and everything else on to ``app``.

    ``console`` None: this address serves no console. ``host``: the name under which the console alone is served.
    """

    def __init__(self, app: ASGIApp, front: FrontPages, console: ASGIApp | None, host: str = "") -> None:
        self._app, self._front, self._console, self._host = app, front, console, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._chosen(scope)(scope, receive, send)

    def _chosen(self, scope: Scope) -> ASGIApp:
        if scope["type"] != "http" or is_open(scope):
            return self._app
        route, apart = route_of(scope), bool(self._host)
        if apart and _name(scope) == self._host:
            return _within_console(route, self._console) or self._front.not_found
        if route == "/":
            return self._front.front
        if is_console(route):
            return self._front.not_found if apart or self._console is None else self._console
        if not is_known(route) and wants_page(Request(scope)):
            return self._front.not_found
        return self._app


class ByPort:
    """Serves ``console`` on the port of its own, and ``app`` on all others."""

    def __init__(self, app: ASGIApp, console: ASGIApp, port: int) -> None:
        self._app, self._console, self._port = app, console, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn: the address of the socket that accepted the connection.
        is_console = scope["type"] == "http" and (scope.get("server") or ("", 0))[1] == self._port
        await (self._console if is_console else self._app)(scope, receive, send)


class ConsoleOnly:
    """The console on a port of its own, with the open health checks of ``app``."""

    def __init__(self, app: ASGIApp, front: FrontPages, console: ASGIApp, hosts: tuple[str, ...]) -> None:
        self._app, self._front, self._console = app, front, console
        self._guarded = HostGuard(self._serve, hosts, ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The start and the end of the application have no path; HostGuard closes websockets.
        passes = scope["type"] == "lifespan" or (scope["type"] == "http" and is_open(scope))
        await (self._app if passes else self._guarded)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = _within_console(route_of(scope), self._console) or self._front.not_found
        await chosen(scope, receive, send)


def is_console(route: str) -> bool:
    """Whether a route belongs to the console."""
    return route == CONSOLE or route.startswith(f"{CONSOLE}/")


def _within_console(route: str, console: ASGIApp | None) -> ASGIApp | None:
    """The console for its own routes and for ``/``, where nothing else is."""
    return console if is_console(route) or route == "/" else None


def _name(scope: Scope) -> str:
    """The name in the Host header, without its port; HostGuard has checked it."""
    return Headers(scope=scope).get("host", "").lower().partition(":")[0].removesuffix(".")
