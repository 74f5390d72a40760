"""Limits the open sessions, streams and requests of each caller, so that no caller locks out the others.

A caller has at most ``MCP_SESSIONS`` of each kind, and never more than are still free for all callers together, so
that a new caller always finds room. Measured without this: 998 sessions of one caller gave all others 503.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response

from proxmox_mcp.app.routes import HTTP, SSE, route_of
from proxmox_mcp.server.mcp_server import CALLER

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_SESSIONS = 1000
"""Of all callers: sessions of streamable HTTP, and streams."""
MAX_REQUESTS = 200
"""Of one caller, being served at the same time, without streams. Calls have a lower limit (MCP_CONCURRENCY)."""
RATE_LIMITED = -32029
"""A code of the range that JSON-RPC leaves to servers (-32000 to -32099), after HTTP's 429."""


class CallerShares:
    """Passes a request on if its caller may hold one more of its kind; else refuses it with the reason."""

    def __init__(self, app: ASGIApp, server: Server[Any], most: int, stream_seconds: float, *, stateless: bool) -> None:
        self._app, self._server, self._max = app, server, most
        self._stream_seconds, self._stateless = stream_seconds, stateless
        self._streams: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = scope.get(CALLER) if scope["type"] == "http" else None
        if caller is None:
            await self._app(scope, receive, send)
            return
        is_stream = scope["method"] == "GET" and route_of(scope) in (SSE, HTTP)
        refusal = self._refusal(scope, caller.name, is_stream=is_stream)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        held = self._streams if is_stream else self._requests
        held[caller.name] += 1
        try:
            if is_stream and route_of(scope) == HTTP:
                await self._serve_stream(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        except ClientDisconnect:
            pass  # It left before its request was complete: there is no one to answer.
        finally:
            held[caller.name] -= 1
            if not held[caller.name]:
                del held[caller.name]

    def _refusal(self, scope: Scope, name: str, *, is_stream: bool) -> Response | None:
        if is_stream:
            held, all_held = self._streams[name], self._streams.total()
            if self._has_room(held, all_held):
                return None
            return _refused(scope, f"You have {held} open streams, the most allowed (MCP_SESSIONS). Close some.")
        if self._opens_a_session(scope):
            owners = Counter(each["client_id"] for each in self._server.session_manager._session_owners.values())  # noqa: SLF001
            if not self._has_room(owners[name], owners.total()):
                return _refused(
                    scope,
                    f"You have {owners[name]} open sessions, the most allowed (MCP_SESSIONS). End some with DELETE, "
                    "or wait: an unused session ends after 30 minutes.",
                )
        if self._requests[name] >= MAX_REQUESTS:
            return _refused(scope, f"{MAX_REQUESTS} of your requests are being served, the most allowed. Wait.")
        return None

    def _has_room(self, held: int, held_by_all: int) -> bool:
        return held < min(self._max, MAX_SESSIONS - held_by_all)

    def _opens_a_session(self, scope: Scope) -> bool:
        """Whether the SDK (2.3.0, ``StreamableHTTPSessionManager``) opens a session. Newer protocols have none."""
        if self._stateless or scope["method"] != "POST" or route_of(scope) != HTTP:
            return False
        headers = Headers(scope=scope)
        version = headers.get("mcp-protocol-version")
        return "mcp-session-id" not in headers and (version is None or version in HANDSHAKE_PROTOCOL_VERSIONS)

    async def _serve_stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The GET stream of a session, closed after a time: nothing is ever sent on it, but it keeps its session open.

        Clients reopen it when they need it (MCP 2025-11-25, basic/transports: the server may close it at any time).
        """
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        with anyio.move_on_after(self._stream_seconds) as patience:
            await self._app(scope, receive, sending)
        if patience.cancelled_caught and begun:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _refused(scope: Scope, reason: str) -> Response:
    """429 with the reason; on ``/mcp`` as a JSON-RPC error, whose message clients show to the model."""
    headers = {"Retry-After": "10"}
    if route_of(scope) != HTTP:
        return PlainTextResponse(reason, 429, headers)
    error = types.JSONRPCError(jsonrpc="2.0", id=None, error=types.ErrorData(code=RATE_LIMITED, message=reason))
    return JSONResponse(error.model_dump(mode="json", by_alias=True, exclude_unset=True), 429, headers)
