"""``/sse`` and ``/messages/``: the older transport, which Gemini CLI and many others still use.

After its stream was cut, Gemini CLI opens another and goes on calling without ``initialize``, and every call would
fail until it is restarted. Such a session is taken as initialized, without any capabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import anyio
import mcp_types as types
from mcp.server.sse import SseServerTransport
from mcp.shared.message import SessionMessage
from starlette.responses import PlainTextResponse

from proxmox_mcp.app.bodies import MOST_BODY
from proxmox_mcp.app.idle import Conversation, Heard, Told, end_when_idle
from proxmox_mcp.app.paths import MESSAGES

if TYPE_CHECKING:
    import contextvars

    from mcp.server.lowlevel import Server
    from mcp.shared._stream_protocols import ReadStream, WriteStream
    from starlette.types import Receive, Scope, Send

_ONLY_GET = (
    "/sse is the older SSE transport, which is opened with GET. For streamable HTTP use the same URL with /mcp "
    "in place of /sse."
)
_OPENING = ("initialize", "server/discover")
_INITIALIZED = "notifications/initialized"
_ENVELOPE = "io.modelcontextprotocol/protocolVersion"


class Sse:
    """The two ends of the transport as ASGI applications, and the number of sessions that are open.

    ``idle``: seconds without a message after which a session ends. How many one caller may have: ``CallerShares``.
    """

    def __init__(self, server: Server[Any], idle: float) -> None:
        self._server = server
        self._idle = idle
        self._transport = SseServerTransport(MESSAGES, max_request_body_size=MOST_BODY)
        self.sessions = 0

    async def open(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET /sse: a session that lasts as long as its stream."""
        if scope["method"] != "GET":
            # Clients that try streamable HTTP first go on with GET after a 405, and only then (Gemini CLI).
            await PlainTextResponse(_ONLY_GET, 405, {"Allow": "GET"})(scope, receive, send)
            return
        self.sessions += 1
        try:
            async with self._transport.connect_sse(scope, receive, send) as (reading, writing):
                await self._converse(Conversation(), reading, writing)
        finally:
            self.sessions -= 1

    async def _converse(
        self, said: Conversation, reading: ReadStream[SessionMessage | Exception], writing: WriteStream[SessionMessage]
    ) -> None:
        """Serve a session until its client leaves, or says nothing for too long."""
        options = self._server.create_initialization_options()
        async with anyio.create_task_group() as group:
            group.start_soon(end_when_idle, said, self._idle, group.cancel_scope)
            await self._server.run(_Reopened(Heard(reading, said)), Told(writing, said), options)
            group.cancel_scope.cancel()
        await writing.aclose()

    async def post(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST /messages/: a message for one of the sessions."""
        await self._transport.handle_post_message(scope, receive, send)


class _Reopened:
    """What is read from a client, with the notification put before it that a client which reopened left out.

    Until the session is opened by whatever opens one, a first request that doesn't is taken to go on from before.
    """

    def __init__(self, inner: Heard) -> None:
        self._inner = inner
        self._opened = False
        self._held: SessionMessage | Exception | None = None

    @property
    def last_context(self) -> contextvars.Context | None:
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        if self._held is not None:
            held, self._held = self._held, None
            return held
        item = await self._inner.receive()
        if self._opened or not isinstance(item, SessionMessage):
            return item
        goes_on = _goes_on(item.message)
        self._opened = goes_on or _opens(item.message)
        if not goes_on:
            return item
        self._held = item
        initialized = types.JSONRPCNotification(jsonrpc="2.0", method=_INITIALIZED)
        return SessionMessage(initialized, metadata=item.metadata)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> _Reopened:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _goes_on(message: types.JSONRPCMessage) -> bool:
    """Whether a message is a request of a session that was opened on another stream."""
    if not isinstance(message, types.JSONRPCRequest) or message.method == "ping":
        return False
    return not _opens(message)


def _opens(message: types.JSONRPCMessage) -> bool:
    """Whether a message opens a session, or belongs to the era that has none to open."""
    if isinstance(message, types.JSONRPCNotification):
        return message.method == _INITIALIZED
    if not isinstance(message, types.JSONRPCRequest):
        return False
    return message.method in _OPENING or _ENVELOPE in ((message.params or {}).get("_meta") or {})
