"""Requests that two readers could read in two ways are refused: a proxy before us may have read the other one.

With ``Content-Length`` beside ``Transfer-Encoding`` they may differ on where the request ends (RFC 9112, 6.1: request
smuggling); with two ``Origin`` headers, on where it comes from. The connection is closed after the refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SINGLE = (
    b"host",
    b"origin",
    b"authorization",
    b"content-length",
    b"content-type",
    b"transfer-encoding",
    b"mcp-session-id",
    b"mcp-protocol-version",
    b"access-control-request-method",
    b"access-control-request-headers",
)
"""Headers that decide something here, of which a request carries one at most."""


class Framing:
    """Passes requests that can be read in one way only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = _fault(scope) if scope["type"] == "http" else ""
        if fault:
            await PlainTextResponse(f"Bad Request: {fault}", 400, {"Connection": "close"})(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _fault(scope: Scope) -> str:
    names = [name for name, _ in scope["headers"]]
    for name in SINGLE:
        if names.count(name) > 1:
            return f"the header {name.decode().title()} was sent more than once. Send it once."
    if b"transfer-encoding" in names and b"content-length" in names:
        return "Content-Length and Transfer-Encoding were both sent. Send one of them."
    if b"transfer-encoding" in names and scope["http_version"] == "1.0":
        return "HTTP/1.0 has no Transfer-Encoding. Send Content-Length, or use HTTP/1.1."
    if not scope["query_string"].isascii():
        # RFC 3986 allows no such query, and Starlette fails at it.
        return "percent-encode what is not ASCII in the query."
    return ""
