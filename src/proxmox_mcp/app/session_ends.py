"""Ends a session of streamable HTTP only after it has taken what its client sent before.

A client that gives up on a call says so (``notifications/cancelled``) and may end its session at the same moment, on
another connection. The SDK (2.3.0) answers a notification before it hands it over to the session: had that ended in
between, it logged a traceback, answered a second time, and uvicorn logged another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PATIENCE = 5.0
"""Seconds that the end of a session waits: what it waits for takes some milliseconds."""
_STREAM = "text/event-stream"


class OrderlyEnds:
    """Holds a DELETE back until the messages that were posted to its session before are handed over."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._under_way: dict[str, list[anyio.Event]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = Headers(scope=scope).get("mcp-session-id", "") if scope["type"] == "http" else ""
        if session and scope["method"] == "POST":
            await self._post(session, scope, receive, send)
            return
        if session and scope["method"] == "DELETE":
            with anyio.move_on_after(_PATIENCE):
                for handed_over in tuple(self._under_way.get(session, ())):
                    await handed_over.wait()
        await self._app(scope, receive, send)

    async def _post(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        handed_over = anyio.Event()
        self._under_way.setdefault(session, []).append(handed_over)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_stream(message):
                handed_over.set()  # The answer to a call: it lasts as long as the call, which the end cuts off.
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            handed_over.set()
            self._under_way[session].remove(handed_over)
            if not self._under_way[session]:
                del self._under_way[session]


def _is_stream(start: Message) -> bool:
    return Headers(raw=list(start["headers"])).get("content-type", "").startswith(_STREAM)
