"""Refuses ambiguous requests, which a proxy in front may have understood differently.

``Content-Length`` together with ``Transfer-Encoding`` leaves open where the request ends (request smuggling, RFC 9112
section 6.1); two ``Origin`` headers leave open where it comes from. The connection is closed after the refusal.
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
"""Headers that a decision depends on: a request may have each at most once."""


class Framing:
    """Passes unambiguous requests on; answers the others with 400."""

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
        # RFC 3986 allows only ASCII, and Starlette raises on anything else.
        return "the query string is not ASCII. Percent-encode it."
    return ""
