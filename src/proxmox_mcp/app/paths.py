"""The routes of the application, and how a path in a request is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SSE, MESSAGES, HTTP = "/sse", "/messages/", "/mcp"
LIVE, READY, METRICS = "/livez", "/readyz", "/metrics"
WELL_KNOWN = "/.well-known/"


def route_of(scope: Scope) -> str:
    """The path of a request below the root path."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def is_open(scope: Scope) -> bool:
    """Whether anybody may ask this: what says yes or no, and nothing else. With a query ``/readyz`` gives reasons."""
    route = route_of(scope)
    return route == LIVE or (route == READY and not scope["query_string"])


class PlainQuery:
    """Refuses a query that is not ASCII, which no client may send (RFC 3986): Starlette fails at it in a redirect."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["query_string"].isascii():
            refusal = PlainTextResponse("Bad Request: percent-encode what is not ASCII in the query.", 400)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


class RootPath:
    """Serves under a path prefix, whether the proxy strips it or leaves it in (``MCP_ROOT_PATH``)."""

    def __init__(self, app: ASGIApp, root: str) -> None:
        self._app, self._root = app, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._root and scope["type"] == "http":
            path = scope["path"]
            whole = path if path.startswith(f"{self._root}/") else self._root + path
            scope = {**scope, "path": whole, "root_path": self._root}
        await self._app(scope, receive, send)
