"""CORS for pages of the origins in ``MCP_ALLOWED_ORIGINS``, on the MCP routes only.

Pages send the bearer token themselves; cookies are not used, so ``Access-Control-Allow-Credentials`` is never sent.
"""

# Tested through tests/e2e/test_browsers.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from proxmox_mcp.app.hosts import is_preflight, normal_origin
from proxmox_mcp.app.routes import HTTP, MESSAGES, SSE, route_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = "GET, POST, DELETE"
EXPOSED = "Mcp-Session-Id, Mcp-Protocol-Version, X-Request-Id, WWW-Authenticate, Retry-After"
_MAX_AGE = "3600"
"""Seconds that a browser may cache the preflight response."""


class Cors:
    """Answers preflight requests of allowed origins, and adds the CORS headers to the application's responses."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset(map(normal_origin, origins))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _speaks_mcp(scope):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope)
        origin = given.get("origin", "")
        allowed = normal_origin(origin) in self._origins
        if allowed and is_preflight(scope, given):
            await _preflight(given)(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                if allowed:
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = EXPOSED
            await send(message)

        await self._app(scope, receive, sending)


def _preflight(given: Headers) -> Response:
    """Allows any header: clients add their own (``Mcp-Param-*``), and only the token grants access."""
    headers = {
        "Access-Control-Allow-Origin": given["origin"],
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Max-Age": _MAX_AGE,
        "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Private-Network",
    }
    if asked := given.get("access-control-request-headers"):
        headers["Access-Control-Allow-Headers"] = asked
    if given.get("access-control-request-private-network") == "true":
        # Private Network Access (Chrome): asked before a public page may call an address of the local network.
        headers["Access-Control-Allow-Private-Network"] = "true"
    return Response(status_code=204, headers=headers)


def _speaks_mcp(scope: Scope) -> bool:
    route = route_of(scope)
    return route in (HTTP, SSE) or route.startswith(MESSAGES)
