"""Connections before anything is known of the caller: half-open ones are dropped, and no address can take them all.

uvicorn waits for the headers and the body of a request for ever (one byte ends even its timer for idle connections)
and for a client that doesn't read its answer too; 1,100 such connections ended the listener for everybody.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

HEAD_SECONDS = 10.0
"""From a connection, or the first byte of another request on it, to the end of the request's headers."""
BODY_SECONDS = 30.0
"""From the headers to the end of the body, of a mebibyte at most."""
READ_SECONDS = 60.0
"""How long a client may leave what was sent to it unread."""
MOST_CONNECTIONS = 4000
MOST_WAITING = 256
"""Connections of one address that wait for a request; a proxy keeps some for all of its clients."""
_DESCRIPTORS_BESIDE = 300
"""Descriptors for files, and for connections to Proxmox."""

_HEAD_TOO_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    b"The headers of the request did not arrive in time. Send them again."
)
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 5\r\n"
    b"Connection: close\r\n\r\nThe server has too many open connections. Try again later."
)


class Connections:
    """All connections of one listener, and those of them that wait for a request, oldest first."""

    def __init__(self, most: int = MOST_CONNECTIONS, most_waiting: int = MOST_WAITING) -> None:
        self._most, self._most_waiting = most, most_waiting
        self._open: set[BoundedProtocol] = set()
        self._waiting: dict[BoundedProtocol, None] = {}
        self._waiting_of: dict[str, dict[BoundedProtocol, None]] = {}

    def open(self, connection: BoundedProtocol) -> bool:
        """Take a new connection in; where there are too many, in place of the one that has waited longest."""
        if len(self._open) >= self._most:
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
        if len(of_peer) > self._most_waiting:
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
    """uvicorn's protocol, with an end to every wait for the client."""

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
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for("")
        self._client_reads()
        self.listener.close(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._served = True
        self._look()

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
        """Close a connection that waits, for the sake of others."""
        self.listener.close(self)
        self.transport.close()

    def _look(self) -> None:
        """What the connection waits for now, and until when."""
        state = self.conn.their_state
        if self.transport.is_closing():
            self._wait_for("")
        elif state is h11.IDLE:
            self.listener.waits(self)
            # A connection that rests between two requests has uvicorn's own, longer time.
            rests = self._served and not self.conn.trailing_data[0]
            self._wait_for("" if rests else "head", HEAD_SECONDS)
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


def bounded_protocol(most: int = MOST_CONNECTIONS) -> type[BoundedProtocol]:
    """The protocol of one listener."""

    class Bounded(BoundedProtocol):
        listener = Connections(most)

    return Bounded


def most_connections() -> int:
    """How many connections this process can hold; lets it hold as many as the system allows, within reason."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit.
        return MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + _DESCRIPTORS_BESIDE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted - _DESCRIPTORS_BESIDE, wanted // 2)


def _address(client: tuple[str, int] | None) -> str:
    """Whom a connection is of: the address, of IPv6 the network of it, of which one machine may have all."""
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return ""
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
