"""Limits on connections before the caller is known: half-open ones are closed, and no address can hold them all.

uvicorn (0.54) has no timeout for the headers and body of a request (a single byte ends even its keep-alive timer), nor
for a client that doesn't read its response. Measured: 1,100 such connections stopped the listener for all clients.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

HEAD_SECONDS = 10.0
"""From the connection, or from the first byte of a later request on it, to the end of the headers."""
BODY_SECONDS = 30.0
"""From the headers to the end of the body (``MAX_BODY_BYTES``)."""
READ_SECONDS = 60.0
"""How long a client may leave a response unread."""
MAX_CONNECTIONS = 4000
MAX_WAITING = 256
"""Idle connections of one address; a reverse proxy keeps some for all of its clients."""
_OTHER_DESCRIPTORS = 300
"""File descriptors for files and for connections to Proxmox."""

_HEAD_TOO_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    b"The headers of the request did not arrive in time. Send them again."
)
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 5\r\n"
    b"Connection: close\r\n\r\nThe server has too many open connections. Try again later."
)


class Connections:
    """All connections of one listener; those that wait for a request are kept oldest first."""

    def __init__(self, most: int = MAX_CONNECTIONS, max_waiting: int = MAX_WAITING) -> None:
        self._max, self._max_waiting = most, max_waiting
        self._open: set[BoundedProtocol] = set()
        self._waiting: dict[BoundedProtocol, None] = {}
        self._waiting_of: dict[str, dict[BoundedProtocol, None]] = {}

    def open(self, connection: BoundedProtocol) -> bool:
        """Add a connection. At the limit, close the one that has waited longest; False if none waits."""
        if len(self._open) >= self._max:
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                return False
            oldest.give_up()
        self._open.add(connection)
        return True

    def waits(self, connection: BoundedProtocol) -> None:
        """The connection has no request under way."""
        if connection in self._waiting or connection not in self._open:
            return
        of_peer = self._waiting_of.setdefault(connection.peer, {})
        self._waiting[connection] = of_peer[connection] = None
        if len(of_peer) > self._max_waiting:
            next(iter(of_peer)).give_up()

    def works(self, connection: BoundedProtocol) -> None:
        """The connection has a request under way."""
        if connection in self._waiting:
            del self._waiting[connection]
            of_peer = self._waiting_of[connection.peer]
            del of_peer[connection]
            if not of_peer:
                del self._waiting_of[connection.peer]

    def close(self, connection: BoundedProtocol) -> None:
        self.works(connection)
        self._open.discard(connection)


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol, with a timeout on every wait for the client."""

    listener: ClassVar[Connections]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.peer = _address(self.client)
        self._timer: asyncio.TimerHandle | None = None
        self._waits_for = ""
        self._unread: asyncio.TimerHandle | None = None
        self._served = False
        if not self.listener.open(self):
            transport.write(_TOO_MANY)
            transport.close()
            return
        self._update_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for("")
        self._client_reads()
        self.listener.close(self)
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            # uvicorn (0.54) leaves it if the client reset the connection: then it held all of the connection for its
            # time, 10 MB after two thousand of them.
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._update_timer()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._served = True
        self._update_timer()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._client_reads()

    def _client_reads(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def give_up(self) -> None:
        """Close a waiting connection, to make room for others."""
        self.listener.close(self)
        self.transport.close()

    def _update_timer(self) -> None:
        """Set the timer for what the connection waits for now."""
        state = self.conn.their_state
        if self.transport.is_closing():
            self._wait_for("")
        elif state is h11.IDLE:
            self.listener.waits(self)
            # Between two requests uvicorn's keep-alive timer applies, which is longer.
            is_idle = self._served and not self.conn.trailing_data[0]
            self._wait_for("" if is_idle else "head", HEAD_SECONDS)
        else:
            self.listener.works(self)
            self._wait_for("body" if state is h11.SEND_BODY else "", BODY_SECONDS)

    def _wait_for(self, what: str, seconds: float = 0.0) -> None:
        if what == self._waits_for:
            return
        self._waits_for = what
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._too_late) if what else None

    def _too_late(self) -> None:
        if self._waits_for == "head" and self.conn.trailing_data[0]:
            self.transport.write(_HEAD_TOO_LATE)
        self.transport.close()


def bounded_protocol(most: int = MAX_CONNECTIONS) -> type[BoundedProtocol]:
    """The protocol of one listener."""

    class Bounded(BoundedProtocol):
        listener = Connections(most)

    return Bounded


def max_connections() -> int:
    """How many connections this process can hold. Raises the limit of open files as far as needed and allowed."""
    try:
        import resource
    except ImportError:  # Windows has no such limit and no such module.
        return MAX_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + _OTHER_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted - _OTHER_DESCRIPTORS, wanted // 2)


def _address(client: tuple[str, int] | None) -> str:
    """The address that a connection counts for; for IPv6 its /64, since one machine usually has all of that."""
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return ""
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
