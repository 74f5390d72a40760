"""urllib3 connections that keep the deadline of a request, and check the pin before anything is sent.

urllib3 makes sockets itself and has no place for a deadline, so the request that a thread sends is known by a
thread-local (``begin``) until it has a socket; from then on the socket carries it.
"""

# Tested through tests/net/test_client.py and tests/net/test_tls.py.

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, cast

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from proxmox_mcp.net.deadline import RequestDeadline
from proxmox_mcp.net.failures import NotPinnedError
from proxmox_mcp.net.tls import colons, fingerprint, is_pinned

if TYPE_CHECKING:
    from typing_extensions import Buffer


class RequestState:
    """One request under way: its deadline, how far it got, and whether its connection was kept from one before."""

    __slots__ = ("answered", "deadline", "kept", "sent")

    def __init__(self, deadline: RequestDeadline) -> None:
        self.deadline = deadline
        self.sent = False
        self.answered = False
        self.kept = False


class _Current(threading.local):
    state: RequestState = RequestState(RequestDeadline(float("inf")))


_CURRENT = _Current()


def begin(deadline: RequestDeadline) -> RequestState:
    """The state of the request that this thread sends next."""
    _CURRENT.state = RequestState(deadline)
    return _CURRENT.state


class _ResponseReader(io.BufferedReader):
    """A response as ``http.client`` reads it: from a buffer of its own (8 KiB, from Python 3.14 on 128 KiB).

    What is still in the buffer when the response is closed came after its end, and would be lost without a trace.
    """

    def __init__(self, used: BoundedSocket) -> None:
        self._socket = used
        self._source = _EndableStream(used.makefile("rb", buffering=0))
        super().__init__(self._source)

    def close(self) -> None:
        """The response ends here, before urllib3 gives its connection to the next request."""
        if not self.closed:
            self._source.ended = True
            if self.peek(1):
                self._socket.reusable = False
            self._socket.release()
        super().close()


class _EndableStream(io.RawIOBase):
    """A stream that gives no more bytes after ``ended`` is set."""

    def __init__(self, inner: io.RawIOBase) -> None:
        self._inner = inner
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        return 0 if self.ended else self._inner.readinto(buffer)

    def close(self) -> None:
        self._inner.close()
        super().close()


class BoundedSocket(socket.socket):
    """A socket whose reads and writes keep the deadline of the request that uses it.

    Not ``reusable``: more came than the response that was read, or the request was aborted, so that nothing on it can
    be trusted any more.
    """

    state: RequestState | None = None
    reusable = True
    last_used = float("inf")

    @property
    def was_used(self) -> bool:
        """Whether a request before this one went over it."""
        return self.last_used != float("inf")

    def use(self, state: RequestState) -> None:
        self.state = state
        state.deadline.abort.attach(self)

    def release(self) -> None:
        """The request is done with this socket."""
        if self.state is None:
            return
        abort = self.state.deadline.abort
        abort.detach(self)
        self.reusable = self.reusable and not abort.is_aborted
        self.last_used = time.monotonic()

    def limit_wait(self) -> None:
        self.settimeout((self.state or _CURRENT.state).deadline.wait_limit())

    def makefile(self, mode: str = "r", buffering: int | None = None, **kwargs: Any) -> Any:
        if mode == "rb" and buffering is None:
            return _ResponseReader(self)
        return super().makefile(mode, buffering, **kwargs)  # type: ignore[call-overload]

    def recv_into(self, buffer: Buffer, nbytes: int | None = None, flags: int = 0) -> int:
        self.limit_wait()
        # ``ssl`` takes None for the whole buffer, the plain socket 0: left out, it means that to both.
        return super().recv_into(buffer, flags=flags) if nbytes is None else super().recv_into(buffer, nbytes, flags)

    def send(self, data: Buffer, flags: int = 0) -> int:
        self.limit_wait()
        return super().send(data, flags)

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        self.limit_wait()
        super().sendall(data, flags)


class BoundedTlsSocket(BoundedSocket, ssl.SSLSocket):
    """The same over TLS."""

    def do_handshake(self, block: bool = False) -> None:
        self.use(_CURRENT.state)
        super().do_handshake(block)


class _BoundedConnection(HTTPConnection):
    """What plain and TLS connections have in common.

    ``idle_seconds``: one that was idle for longer is not used again. A server closes idle connections after a time of
    its own, and a request that meets this moment is lost without an answer.
    """

    def __init__(self, *args: Any, idle_seconds: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle_seconds = idle_seconds

    @property
    def is_connected(self) -> bool:
        used = self.sock
        if isinstance(used, BoundedSocket):
            # What is left of a response that was longer than it said would be read as the next response: urllib3
            # looks for it in the kernel only, not in what TLS has decrypted already, nor in what was read with it.
            if not used.reusable or time.monotonic() - used.last_used > self._idle_seconds:
                return False
            if isinstance(used, ssl.SSLSocket) and used.pending():
                return False
        return super().is_connected

    def connect(self) -> None:
        deadline = _CURRENT.state.deadline
        self.timeout = min(deadline.connect, deadline.wait_limit())
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        state = _CURRENT.state
        used = cast("BoundedSocket", self.sock)
        used.use(state)
        state.kept = used.was_used
        state.sent = True
        super().request(*args, **kwargs)

    def close(self) -> None:
        if isinstance(self.sock, BoundedSocket):
            self.sock.release()
        super().close()


class _PlainConnection(_BoundedConnection):
    def connect(self) -> None:
        super().connect()
        self.sock: socket.socket = BoundedSocket(fileno=self.sock.detach())


class _TlsConnection(_BoundedConnection, HTTPSConnection):
    def __init__(self, *args: Any, pins: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pins = pins

    def connect(self) -> None:
        super().connect()
        # Whether to verify is the operator's choice, made once; urllib3 would warn of it at every connection.
        self.is_verified = True
        self._check_pin()

    def _check_pin(self) -> None:
        if not self._pins or not isinstance(self.sock, ssl.SSLSocket):
            return
        certificate = self.sock.getpeercert(binary_form=True) or b""
        if not is_pinned(certificate, self._pins):
            self.close()
            raise NotPinnedError(colons(fingerprint(certificate)))


class PlainPool(HTTPConnectionPool):
    """Connections to one host without TLS, kept open between requests."""

    ConnectionCls = _PlainConnection


class TlsPool(HTTPSConnectionPool):
    """Connections to one host over TLS, kept open between requests."""

    ConnectionCls = _TlsConnection
