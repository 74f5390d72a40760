"""How long one request may take, and how another thread ends it. Imports nothing slow: every start loads it."""

# Tested through tests/net/test_client.py.

from __future__ import annotations

import contextlib
import socket
import threading
import time

from msgspec import Struct, field

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 30.0


class AbortHandle:
    """Ends the request that works with it, from another thread: whatever waits on its socket returns at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_aborted = False

    @property
    def is_aborted(self) -> bool:
        return self._is_aborted

    def attach(self, used: socket.socket) -> None:
        """The request uses this socket from now on."""
        with self._lock:
            self._socket = used
            if self._is_aborted:
                _shut_down(used)

    def detach(self, used: socket.socket) -> None:
        """The request no longer uses this socket: another request may use it next."""
        with self._lock:
            if self._socket is used:
                self._socket = None

    def abort(self) -> None:
        """End what is under way, and whatever the request would begin after it."""
        with self._lock:
            self._is_aborted = True
            if self._socket is not None:
                _shut_down(self._socket)


def _shut_down(used: socket.socket) -> None:
    """Shut a connection down while another thread reads from it.

    With the method of the plain socket: ``ssl.SSLSocket.shutdown`` first drops its TLS state, and a read that follows
    would take what is left in the kernel for plain text.
    """
    with contextlib.suppress(OSError):
        socket.socket.shutdown(used, socket.SHUT_RDWR)


class RequestDeadline(Struct, frozen=True):
    """The time limits of one request: all of it is over at ``end`` (monotonic seconds).

    ``connect`` and ``silence`` are seconds: for the connection, and for each single wait for bytes. A read timeout
    alone limits nothing, because a response that comes one byte at a time never exceeds it.
    """

    end: float
    connect: float = CONNECT_SECONDS
    silence: float = SILENCE_SECONDS
    abort: AbortHandle = field(default_factory=AbortHandle)

    @property
    def left(self) -> float:
        """Seconds; zero or less when the deadline has passed."""
        return self.end - time.monotonic()

    def wait_limit(self) -> float:
        """Seconds that the next read or write may take. Raises TimeoutError when none are left."""
        if self.abort.is_aborted:
            raise TimeoutError("the request was aborted")
        left = self.left
        if left <= 0:
            raise TimeoutError("the deadline of the request has passed")
        return min(left, self.silence)
