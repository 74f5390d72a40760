"""Whether anything is said in a session over ``/sse``, so that one that was left open can end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable

_CANCELLED = "notifications/cancelled"


class Conversation:
    """When something was last said, and which requests of the client are not answered yet."""

    def __init__(self, clock: Callable[[], float] = anyio.current_time) -> None:
        self._clock = clock
        self._last = clock()
        self._open: set[types.RequestId] = set()

    @property
    def idle(self) -> float:
        """Seconds since something was said; none while a request is being served."""
        return 0.0 if self._open else self._clock() - self._last

    def heard(self, item: SessionMessage | Exception) -> None:
        self._last = self._clock()
        message = item.message if isinstance(item, SessionMessage) else None
        if isinstance(message, types.JSONRPCRequest):
            self._open.add(message.id)
        elif isinstance(message, types.JSONRPCNotification) and message.method == _CANCELLED:
            self._open.discard((message.params or {}).get("requestId", ""))

    def told(self, item: SessionMessage) -> None:
        self._last = self._clock()
        if isinstance(item.message, types.JSONRPCResponse | types.JSONRPCError) and item.message.id is not None:
            self._open.discard(item.message.id)


async def end_when_idle(said: Conversation, most: float, scope: anyio.CancelScope) -> None:
    """Cancel ``scope`` once nothing was said for ``most`` seconds."""
    while (left := most - said.idle) > 0:  # noqa: ASYNC110 - a message only puts the end off
        await anyio.sleep(left)
    scope.cancel()


class _Passing:
    """What both directions of a session have in common."""

    def __init__(self, inner: Any, said: Conversation) -> None:
        self._inner, self._said = inner, said

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class Heard(_Passing):
    """What is read from a client, noted."""

    @property
    def last_context(self) -> contextvars.Context | None:
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        item: SessionMessage | Exception = await self._inner.receive()
        self._said.heard(item)
        return item


class Told(_Passing):
    """What is written to a client, noted."""

    async def send(self, item: SessionMessage, /) -> None:
        await self._inner.send(item)
        self._said.told(item)
