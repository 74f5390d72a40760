"""``/sse`` and ``/messages/``: the older SSE transport, which Gemini CLI and many other clients still use.

Gemini CLI 0.61 opens a new stream after the old one was cut, and sends calls without ``initialize``. The SDK would
answer each with -32602 until the client is restarted, so such a session counts as initialized, without capabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import anyio
import mcp_types as types
from mcp.server.sse import SseServerTransport
from mcp.shared.message import SessionMessage
from starlette.responses import PlainTextResponse

from proxmox_mcp.app.bodies import MAX_BODY_BYTES
from proxmox_mcp.app.routes import MESSAGES

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable

    from mcp.server.lowlevel import Server
    from mcp.shared._stream_protocols import ReadStream, WriteStream
    from starlette.types import Receive, Scope, Send

_ONLY_GET = (
    "/sse is the older SSE transport, which is opened with GET. For streamable HTTP use the same URL with /mcp "
    "in place of /sse."
)
_OPENING = ("initialize", "server/discover")
_INITIALIZED = "notifications/initialized"
_CANCELLED = "notifications/cancelled"
_ENVELOPE = "io.modelcontextprotocol/protocolVersion"


class Sse:
    """The two ends of the transport as ASGI applications, and the number of open sessions.

    ``idle``: seconds without a message after which a session ends. ``CallerShares`` limits the sessions of a caller.
    """

    def __init__(self, server: Server[Any], idle: float) -> None:
        self._server = server
        self._idle = idle
        self._transport = SseServerTransport(MESSAGES, max_request_body_size=MAX_BODY_BYTES)
        self.sessions = 0

    async def open(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET /sse: a session that lasts as long as its stream."""
        if scope["method"] != "GET":
            # Gemini CLI 0.61 tries streamable HTTP first, and goes on with GET only after a 405.
            await PlainTextResponse(_ONLY_GET, 405, {"Allow": "GET"})(scope, receive, send)
            return
        self.sessions += 1
        try:
            async with self._transport.connect_sse(scope, receive, send) as (reading, writing):
                await self._serve(SessionActivity(), reading, writing)
        finally:
            self.sessions -= 1

    async def _serve(
        self,
        activity: SessionActivity,
        reading: ReadStream[SessionMessage | Exception],
        writing: WriteStream[SessionMessage],
    ) -> None:
        """Serve a session until its client leaves, or is idle for too long."""
        options = self._server.create_initialization_options()
        async with anyio.create_task_group() as group:
            group.start_soon(_end_when_idle, activity, self._idle, group.cancel_scope)
            reader = _InitializedReader(_TrackedReader(reading, activity))
            await self._server.run(reader, _TrackedWriter(writing, activity), options)
            group.cancel_scope.cancel()
        await writing.aclose()

    async def post(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST /messages/: a message for one of the sessions."""
        await self._transport.handle_post_message(scope, receive, send)


class SessionActivity:
    """When the last message passed, and which requests of the client have no answer yet."""

    def __init__(self, clock: Callable[[], float] = anyio.current_time) -> None:
        self._clock = clock
        self._last = clock()
        self._open: set[types.RequestId] = set()

    @property
    def idle(self) -> float:
        """Seconds since the last message; 0 while a request is being served."""
        return 0.0 if self._open else self._clock() - self._last

    def received(self, item: SessionMessage | Exception) -> None:
        self._last = self._clock()
        message = item.message if isinstance(item, SessionMessage) else None
        if isinstance(message, types.JSONRPCRequest):
            self._open.add(message.id)
        elif isinstance(message, types.JSONRPCNotification) and message.method == _CANCELLED:
            self._open.discard((message.params or {}).get("requestId", ""))

    def sent(self, item: SessionMessage) -> None:
        self._last = self._clock()
        if isinstance(item.message, types.JSONRPCResponse | types.JSONRPCError) and item.message.id is not None:
            self._open.discard(item.message.id)


async def _end_when_idle(activity: SessionActivity, limit: float, scope: anyio.CancelScope) -> None:
    """Cancel ``scope`` after ``limit`` seconds without a message."""
    while (left := limit - activity.idle) > 0:  # noqa: ASYNC110 - a message only postpones the end
        await anyio.sleep(left)
    scope.cancel()


class _TrackedStream:
    """What both directions of a session have in common."""

    def __init__(self, inner: Any, activity: SessionActivity) -> None:
        self._inner, self._activity = inner, activity

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class _TrackedReader(_TrackedStream):
    """Messages from the client, noted."""

    @property
    def last_context(self) -> contextvars.Context | None:
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        item: SessionMessage | Exception = await self._inner.receive()
        self._activity.received(item)
        return item


class _TrackedWriter(_TrackedStream):
    """Messages to the client, noted."""

    async def send(self, item: SessionMessage, /) -> None:
        await self._inner.send(item)
        self._activity.sent(item)


class _InitializedReader:
    """Messages from the client, with ``notifications/initialized`` put first where a reopened session left it out.

    A first request that doesn't open a session is taken as part of one that was opened on an earlier stream.
    """

    def __init__(self, inner: _TrackedReader) -> None:
        self._inner = inner
        self._opened = False
        self._held: SessionMessage | Exception | None = None

    @property
    def last_context(self) -> contextvars.Context | None:
        return self._inner.last_context

    async def receive(self) -> SessionMessage | Exception:
        if self._held is not None:
            held, self._held = self._held, None
            return held
        item = await self._inner.receive()
        if self._opened or not isinstance(item, SessionMessage):
            return item
        continues = _continues_session(item.message)
        self._opened = continues or _opens_session(item.message)
        if not continues:
            return item
        self._held = item
        initialized = types.JSONRPCNotification(jsonrpc="2.0", method=_INITIALIZED)
        return SessionMessage(initialized, metadata=item.metadata)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> _InitializedReader:
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


def _continues_session(message: types.JSONRPCMessage) -> bool:
    """Whether a message is a request of a session that was opened on another stream."""
    if not isinstance(message, types.JSONRPCRequest) or message.method == "ping":
        return False
    return not _opens_session(message)


def _opens_session(message: types.JSONRPCMessage) -> bool:
    """Whether a message opens a session, or belongs to the protocol versions without sessions (from 2026 on)."""
    if isinstance(message, types.JSONRPCNotification):
        return message.method == _INITIALIZED
    if not isinstance(message, types.JSONRPCRequest):
        return False
    return message.method in _OPENING or _ENVELOPE in ((message.params or {}).get("_meta") or {})
