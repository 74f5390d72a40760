"""Authentication over HTTP: a bearer token, compared in constant time and removed before other code sees it."""

# Tested through tests/app/test_guards.py and tests/e2e/test_http.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.responses import PlainTextResponse

from proxmox_mcp.app.routes import WELL_KNOWN, is_open, route_of
from proxmox_mcp.policy.caller import LOCAL
from proxmox_mcp.policy.callers import CallersSource
from proxmox_mcp.server.mcp_server import CALLER

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.policy.callers import Callers
    from proxmox_mcp.policy.stored_callers import StoredCallers

_REFUSED = (
    "Unauthorized: send the header `Authorization: Bearer <token>` with the token of this server (MCP_AUTH_TOKEN)."
)


class Authentication:
    """Puts the caller into the scope: as ``CALLER``, and as ``user`` for the SDK, which binds sessions to it.

    ``callers`` None: no authentication, every request is of the local caller, unless it has the token of a ``stored``
    one: those that were made in the console.
    """

    def __init__(
        self, app: ASGIApp, callers: Callers | CallersSource | None, stored: StoredCallers | None = None
    ) -> None:
        self._app = AuthContextMiddleware(app)
        self._callers, self._stored = callers, stored

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if route_of(scope).startswith(WELL_KNOWN):
            # 404 and not 401: clients look here for an OAuth server, and this server does not support OAuth.
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
            return
        caller = await self._caller(scope)
        if caller is None and not is_open(scope):
            await PlainTextResponse(_REFUSED, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        scope = {**scope, "headers": headers}
        if caller is not None:
            scope[CALLER] = caller
            scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=caller.name, scopes=[]))
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller | None:
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        header = given[0] if len(given) == 1 else None
        if self._callers is not None:
            callers = self._callers.callers if isinstance(self._callers, CallersSource) else self._callers
            if (found := callers.authenticate(header)) is not None:
                return found
        if self._stored is not None and header and (made := await self._stored.authenticate(header)) is not None:
            return made
        return LOCAL if self._callers is None else None
