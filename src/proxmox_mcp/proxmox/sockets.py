"""Connections that keep a call's deadline, check the pin before anything is sent, and know whether anything was.

A read timeout alone is no bound: a body that drips a byte now and then outlives it. So every read and write of a
socket takes the time that is left of the whole call. ``Flight`` carries it, one for each worker thread.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection

from proxmox_mcp.net.tls import colons, fingerprint, is_pinned
from proxmox_mcp.proxmox.lines import CURRENT

if TYPE_CHECKING:
    from typing_extensions import Buffer

PROXY_KEEPS_ALIVE = 4.0
"""Seconds after which an idle connection is dropped: pveproxy closes it after five (PVE::APIServer::AnyEvent)."""


class PinError(ssl.SSLError):
    """The certificate is not the pinned one. Its message holds the fingerprint that was shown."""


class Flight(threading.local):
    """The call that this thread makes: when it must be over (monotonic), how long a silence may be, how far it is."""

    deadline: float = float("inf")
    silence: float = 30.0
    sent: bool = False
    answered: bool = False

    def start(self, *, deadline: float, silence: float) -> None:
        self.deadline = deadline
        self.silence = silence
        self.sent = False
        self.answered = False

    @property
    def left(self) -> float:
        return self.deadline - time.monotonic()

    @property
    def patience(self) -> float:
        """Seconds that the next read or write may take."""
        if CURRENT.line.is_cut:
            raise TimeoutError("the call was called off")
        left = self.left
        if left <= 0:
            raise TimeoutError("the deadline of the call has passed")
        return min(left, self.silence)


FLIGHT = Flight()


class _Answer(io.BufferedReader):
    """An answer as ``http.client`` reads it: from a buffer of its own (8 KiB, from Python 3.14 on 128 KiB).

    What is in the buffer when the answer is closed came after its end, and would be lost without a trace.
    """

    def __init__(self, connection: _Socket) -> None:
        self._connection = connection
        self._raw = _Ended(connection.makefile("rb", buffering=0))
        super().__init__(self._raw)

    def close(self) -> None:
        if not self.closed:
            self._raw.ended = True
            self._connection.left_over = self._connection.left_over or bool(self.peek(1))
        super().close()


class _Ended(io.RawIOBase):
    """A stream that can be told to give no more."""

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


class _Socket(ssl.SSLSocket):
    """A TLS socket whose reads and writes keep the deadline of the flight.

    ``left_over``: more came on it than the answer that was read, so that nothing on it can be trusted any more.
    """

    left_over = False

    def makefile(self, mode: str = "r", buffering: int | None = None, **kwargs: Any) -> Any:
        if mode == "rb" and buffering is None:
            return _Answer(self)
        return super().makefile(mode, buffering, **kwargs)  # type: ignore[call-overload]

    def do_handshake(self, block: bool = False) -> None:
        CURRENT.line.hold(self)
        super().do_handshake(block)

    def recv_into(self, buffer: Buffer, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(FLIGHT.patience)
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: Buffer, flags: int = 0) -> int:
        self.settimeout(FLIGHT.patience)
        return super().send(data, flags)


def keep_deadlines(context: ssl.SSLContext) -> ssl.SSLContext:
    """Have a context make sockets that keep the deadline."""
    context.sslsocket_class = _Socket
    return context


class _Connection(HTTPSConnection):
    pins: tuple[str, ...] = ()
    _idle_since: float = float("inf")

    @property
    def is_connected(self) -> bool:
        if time.monotonic() - self._idle_since > PROXY_KEEPS_ALIVE:
            return False
        # What is left of an answer that was longer than it said would be read as the next one: urllib3 looks for it
        # in the kernel only, not in what TLS has decrypted already, nor in what was read with the answer.
        if isinstance(self.sock, _Socket) and (self.sock.left_over or self.sock.pending()):
            return False
        return super().is_connected

    def connect(self) -> None:
        self.timeout = min(self.timeout or FLIGHT.silence, FLIGHT.patience)
        super().connect()
        # Whether to verify is the operator's choice, made once; urllib3 would warn of it at every connection.
        self.is_verified = True
        self._check_pin()

    def _check_pin(self) -> None:
        if not self.pins or not isinstance(self.sock, ssl.SSLSocket):
            return
        certificate = self.sock.getpeercert(binary_form=True) or b""
        if not is_pinned(certificate, self.pins):
            self.close()
            raise PinError(colons(fingerprint(certificate)))

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            CURRENT.line.hold(self.sock)  # One that was kept alive; a new one was held before its handshake.
        FLIGHT.sent = True
        super().request(*args, **kwargs)

    def close(self) -> None:
        CURRENT.line.let_go()
        super().close()

    def rested(self) -> None:
        self._idle_since = time.monotonic()


class Pool(HTTPSConnectionPool):
    """Connections to one host, kept alive; ``pins`` as in ``Connection.fingerprints``."""

    ConnectionCls = _Connection

    def __init__(self, host: str, port: int, *, pins: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(host, port, **kwargs)
        self._pins = pins

    def _new_conn(self) -> Any:
        connection = super()._new_conn()
        connection.pins = self._pins  # type: ignore[attr-defined]
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            CURRENT.line.let_go()
            if CURRENT.line.is_cut:
                conn.close()
            conn.rested()
        super()._put_conn(conn)


def no_delay() -> list[tuple[int, int, int]]:
    """Socket options: small requests go out at once, and a dead peer of an idle connection is noticed."""
    return [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
