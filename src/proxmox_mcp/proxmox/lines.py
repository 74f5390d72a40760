"""The connection that a call works on, so that another thread can cut it. Imports nothing slow: the start loads it."""

from __future__ import annotations

import contextlib
import socket
import threading


class Line:
    """The connection that one call works on, which another thread can cut: whatever waits on it ends at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False

    @property
    def is_cut(self) -> bool:
        return self._is_cut

    def hold(self, held: socket.socket) -> None:
        """The call goes over this socket from now on."""
        with self._lock:
            self._socket = held
            if self._is_cut:
                _shut(held)

    def let_go(self) -> None:
        """The call is done with its socket: another may use it next."""
        with self._lock:
            self._socket = None

    def cut(self) -> None:
        """Called off: end what goes on, and whatever the call would begin yet."""
        with self._lock:
            self._is_cut = True
            if self._socket is not None:
                _shut(self._socket)


def _shut(held: socket.socket) -> None:
    """Shut a connection down under the thread that uses it.

    By the method of the plain socket: the one of ``ssl.SSLSocket`` takes its TLS state away first, and a read that
    follows would take what is left in the kernel for plain text.
    """
    with contextlib.suppress(OSError):
        socket.socket.shutdown(held, socket.SHUT_RDWR)


class _Current(threading.local):
    """The line of the call that this thread makes."""

    def __init__(self) -> None:
        self.line = Line()


CURRENT = _Current()
