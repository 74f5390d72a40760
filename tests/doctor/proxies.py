"""A reverse proxy on loopback that does one thing wrong."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from patience import PATIENCE, from_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextlib.contextmanager
def listening(act: Callable[[Any], object], certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    """The port of a server that hands each connection to ``act``, each in a thread of its own."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    ended = threading.Event()
    threads: list[threading.Thread] = []
    open_sockets: list[socket.socket] = []

    def serve(plain: socket.socket) -> None:
        channel = plain
        with contextlib.suppress(OSError):
            if context:
                channel = context.wrap_socket(plain, server_side=True)
                open_sockets.append(channel)
            act(channel)
        channel.close()

    def accept() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                open_sockets.append(connection)
                threads.append(threading.Thread(target=serve, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for each in open_sockets:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)
            for thread in [acceptor, *threads]:
                thread.join(5)
            for each in open_sockets:
                each.close()


@dataclass
class Proxy:
    """Passes requests on to ``upstream``, a port of loopback.

    ``host`` replaces the Host header; ``strip`` is a prefix taken off the path; ``drop`` are headers left out;
    ``answers`` are whole answers given in the server's place, by path; ``hold`` says for each path how long what comes
    back is held, -1 for ever; ``cut`` ends a stream after so many seconds without a byte.
    """

    upstream: int
    host: str = ""
    strip: str = ""
    drop: tuple[str, ...] = ()
    answers: dict[str, bytes] = field(default_factory=dict)
    hold: dict[str, float] = field(default_factory=dict)
    cut: float = 30.0

    def __call__(self, channel: Any) -> None:
        head, body = _request(channel)
        if not head:
            return
        method, path, version = head[0].split(" ")
        plain = path.partition("?")[0]
        for prefix, answer in self.answers.items():
            if plain.startswith(prefix):
                channel.sendall(answer)
                return
        lines = [line for line in head[1:] if line.partition(":")[0].lower() not in (*self.drop, "connection")]
        if self.host:
            lines = [f"Host: {self.host}" if line.lower().startswith("host:") else line for line in lines]
        target = path.removeprefix(self.strip) or "/"
        raw = "\r\n".join([f"{method} {target} {version}", *lines, "Connection: close", "", ""]).encode() + body
        with socket.create_connection(("127.0.0.1", self.upstream), timeout=PATIENCE) as server:
            server.sendall(raw)
            held = next((seconds for prefix, seconds in self.hold.items() if plain.startswith(prefix)), 0.0)
            self._pass_back(server, channel, held)

    def _pass_back(self, server: socket.socket, channel: Any, held: float) -> None:
        while self._more(server, channel) and (chunk := server.recv(65536)):
            if held > 0:
                time.sleep(held)
            if held >= 0:
                channel.sendall(chunk)

    def _more(self, server: socket.socket, channel: Any) -> bool:
        """Whether the server says more before the patience is over; no longer waited for when the client has left."""
        end = from_now(self.cut)
        while from_now(0) < end:
            ready = select.select([server, channel], [], [], 0.2)[0]
            if server in ready:
                return True
            if channel in ready and not channel.recv(1, socket.MSG_PEEK):
                return False
        return False


def _request(channel: Any) -> tuple[list[str], bytes]:
    raw = b""
    while b"\r\n\r\n" not in raw:
        chunk = channel.recv(65536)
        if not chunk:
            return [], b""
        raw += chunk
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next((int(line.partition(":")[2]) for line in lines if line.lower().startswith("content-length:")), 0)
    while len(body) < length:
        chunk = channel.recv(65536)
        if not chunk:
            return [], b""
        body += chunk
    return lines, body


def page(status: str, body: str = "", *headers: str) -> bytes:
    """A whole answer, as a web server gives it."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/html", f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", body]).encode()
