"""Buffers request bodies, so that a slow client holds no session.

The SDK (2.3.0) opens a session before it has read the request, and logs a traceback if the client disconnects first.
"""

# Tested through tests/app/test_shares.py and tests/e2e/test_http.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1024 * 1024
"""Of one message. Proxmox refuses bodies over 512 KiB (``PVE::APIServer::AnyEvent``)."""


class BufferedBodies:
    """Reads the body, then calls the application, which refuses one that is too long (413)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD") or _declares_too_much(scope):
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        size, more = 0, True
        while more and size <= MAX_BODY_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            messages.append(message)
            size += len(message.get("body", b""))
            more = message.get("more_body", False)

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)


def _declares_too_much(scope: Scope) -> bool:
    declared = Headers(scope=scope).get("content-length", "")
    return declared.isdecimal() and int(declared) > MAX_BODY_BYTES
