"""The routes of the application, and the path of a request relative to ``MCP_ROOT_PATH``."""

# Tested through tests/app/test_guards.py and tests/e2e/test_http.py.

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SSE, MESSAGES, HTTP = "/sse", "/messages/", "/mcp"
LIVE, READY, METRICS = "/livez", "/readyz", "/metrics"
WELL_KNOWN = "/.well-known/"
_SAME = {f"{SSE}/": SSE, f"{HTTP}/": HTTP, MESSAGES.rstrip("/"): MESSAGES}


def route_of(scope: Scope) -> str:
    """The path of a request below the root path."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def is_known(route: str) -> bool:
    """Whether a program may have business at a route: others get a page that says that there is nothing."""
    return route in (SSE, HTTP, LIVE, READY, METRICS) or route.startswith((MESSAGES, WELL_KNOWN)) or route in _SAME


def is_open(scope: Scope) -> bool:
    """Whether a request needs no token: a health check without details (``/readyz`` with a query gives reasons)."""
    route = route_of(scope)
    return route == LIVE or (route == READY and not scope["query_string"])


class RootPath:
    """Serves under ``MCP_ROOT_PATH``, whether the proxy strips it or not, and the MCP routes with and without a slash.

    Not by redirects: those would name the proxy's scheme instead of the client's, and clients drop the token.
    """

    def __init__(self, app: ASGIApp, root: str) -> None:
        self._app, self._root = app, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            if self._root:
                whole = path if path.startswith(f"{self._root}/") else self._root + path
                scope = {**scope, "path": whole, "root_path": self._root}
            if (served := _SAME.get(route_of(scope))) is not None:
                scope = {**scope, "path": self._root + served}
        await self._app(scope, receive, send)
