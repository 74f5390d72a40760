"""A raw HTTPS (or plain, or mute) server on loopback that says exactly what a test wants, byte by byte."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class Request:
    """One request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Script = "Callable[[Request, socket.socket], None]"


def reply(
    data: object = None, *, status: int = 200, reason: str = "OK", body: bytes | None = None, **headers: str
) -> bytes:
    """A whole answer; ``body`` as it is, else ``{"data": data}``."""
    body = json.dumps({"data": data}).encode() if body is None else body
    lines = {"Content-Type": "application/json;charset=UTF-8", "Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = f"HTTP/1.1 {status} {reason}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v)
    return head.encode("utf-8") + b"\r\n" + body


@dataclass
class RawServer:
    """Calls ``script`` for each request with the socket to answer on; keeps what came in ``requests``."""

    script: Callable[[Request, Any], None]
    certificate: tuple[Path, Path] | None = None
    host: str = "127.0.0.1"
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def start(self) -> None:
        self._stopping = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((self.host, self.port))
        self.port = self._listener.getsockname()[1]
        self._context = None
        if self.certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*self.certificate)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            # Its own thread closes it: a descriptor that is closed under a read is soon another's, and TLS writes its
            # alert there. With the method of the plain socket, since that of TLS drops its state under the read.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Sleep, but not beyond the end of the server."""
        self._stopping.wait(seconds)

    def read(self, connection: socket.socket) -> Request | None:
        """The next request of a connection; None where there is no other."""
        return read_request(connection)

    @property
    def threads(self) -> int:
        """Threads that serve a connection now."""
        return sum(thread.is_alive() for thread in self._threads)

    @property
    def posted(self) -> list[Request]:
        return [r for r in self.requests if r.method != "GET"]

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, plain: socket.socket) -> None:
        self.connections += 1
        connection = plain
        try:
            with contextlib.suppress(OSError, ValueError):
                if self._context:
                    connection = self._context.wrap_socket(plain, server_side=True)
                    self._open.append(connection)
                while request := self.read(connection):
                    self.requests.append(request)
                    self.script(request, connection)
        finally:
            connection.close()


def read_request(connection: socket.socket) -> Request | None:
    """The next request of a connection; None if it ends before."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        raw += chunk
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        chunk = connection.recv(65536)
        if not chunk:
            return None
        body += chunk
    method, target, _ = first.split(" ")
    return Request(method, target, headers, body)


@contextlib.contextmanager
def serving(
    script: Callable[[Request, Any], None] | bytes, certificate: tuple[Path, Path] | None, **options: Any
) -> Iterator[RawServer]:
    """A server for the length of a block; bytes are sent to every request as they are."""
    answer = script
    act = (lambda _, connection: connection.sendall(answer)) if isinstance(answer, bytes) else answer
    server = RawServer(act, certificate, **options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def drip(connection: Any, data: bytes, *, every: float, server_stops: threading.Event | None = None) -> None:
    """Send a byte now and then."""
    for byte in data:
        connection.sendall(bytes([byte]))
        if server_stops is not None and server_stops.wait(every):
            return
        if server_stops is None:
            time.sleep(every)
