"""A proxy on loopback between a server of ours and a Proxmox: passes all on and counts it, until told to do harm."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from demo_api import UNVERIFIED
from patience import PATIENCE
from proxmox.raw_server import Request, read_request, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Ask = Callable[[], bytes]
    Respond = Callable[[Any, Ask], None]
    Certificate = tuple[Path, Path]


def pass_on(connection: Any, ask: Ask) -> None:
    """What a sound proxy does."""
    connection.sendall(ask())


@dataclass(frozen=True)
class Fault:
    """What to do to a connection, or to a request on it.

    ``refuses``: nothing listens. ``greet`` gets the connection before TLS, and nothing comes after it. ``respond``
    gets the TLS connection and a function that asks the cluster and gives the whole answer as bytes; it closes the
    connection where it is to be closed. ``when`` says which requests it is for, the others are passed on.
    """

    refuses: bool = False
    greet: Callable[[socket.socket], None] | None = None
    respond: Respond = pass_on
    when: Callable[[Request], bool] = lambda _: True


SOUND = Fault()


@dataclass
class Proxy:
    """Speaks TLS with a certificate of its own; ``requests`` is all that came in, ``asked`` what the cluster was."""

    upstream: int
    certificate: Certificate
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    fault: Fault = SOUND

    def start(self) -> None:
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._drops = 0
        self.trust(self.certificate)
        self._listen()

    def stop(self) -> None:
        self._deafen()
        self.drop()

    def trust(self, certificate: Certificate) -> None:
        """Show another certificate from the next connection on."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate)

    @contextlib.contextmanager
    def harm(self, fault: Fault) -> Iterator[None]:
        """Do harm for the length of a block. Connections that were open before or after are closed."""
        self.fault = fault
        if fault.refuses:
            self._deafen()
        self.drop()
        try:
            yield
        finally:
            self.fault = SOUND
            if fault.refuses:
                self._listen()
            self.drop()

    def drop(self) -> None:
        """Close every connection that is open."""
        self._drops += 1
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def count(self, text: str) -> tuple[int, int]:
        """How many requests with a text in their target or body came in here, and how many went on to the cluster."""

        def among(requests: list[Request]) -> int:
            return sum(text in request.target or text.encode() in request.body for request in requests)

        return among(self.requests), among(self.asked)

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _deafen(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            drops = self._drops
            self._open.add(connection)
            if self._listener is not listener:  # It was accepted before, and is dropped with the others.
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection, drops), daemon=True).start()

    def _serve(self, plain: socket.socket, drops: int) -> None:
        """``drops``: how often all connections had been dropped when this one was accepted."""
        secured: socket.socket | None = None
        try:
            with contextlib.suppress(OSError, ValueError):
                if self.fault.greet is not None:
                    self.fault.greet(plain)
                else:
                    # This takes the connection out of ``plain``, where ``drop`` looks for it until it is done.
                    secured = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                    self._open.add(secured)
                    self._open.discard(plain)
                    if drops != self._drops:
                        return
                    secured.do_handshake()
                    while request := read_request(secured):
                        self._answer(request, secured)
        finally:
            for each in filter(None, (plain, secured)):
                self._open.discard(each)
                each.close()

    def _answer(self, request: Request, connection: socket.socket) -> None:
        self.requests.append(request)
        fault = self.fault
        respond = fault.respond if fault.when(request) else pass_on
        respond(connection, lambda: self._ask(request))

    def _ask(self, request: Request) -> bytes:
        self.asked.append(request)
        upstream = http.client.HTTPSConnection("127.0.0.1", self.upstream, timeout=PATIENCE, context=UNVERIFIED)
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        with contextlib.closing(upstream):
            upstream.request(request.method, request.target, request.body or None, headers)
            answer = upstream.getresponse()
            kind = answer.headers["content-type"]
            return reply(status=answer.status, reason=answer.reason, body=answer.read(), Content_Type=kind)


def reset(connection: Any) -> None:
    """Close with a RST, as a host does that has forgotten the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def close(connection: Any) -> None:
    """Close in the plain way."""
    connection.shutdown(socket.SHUT_RDWR)


def says(answer: bytes, *, asking: bool = False) -> Respond:
    """Answer with these bytes; ``asking``: after the cluster was asked and has done what it was asked for."""

    def respond(connection: Any, ask: Ask) -> None:
        if asking:
            ask()
        connection.sendall(answer)

    return respond


def refusal(status: int, message: str, after: float = 0.0) -> Respond:
    """Proxmox's own kind of refusal, after so many seconds."""

    def respond(connection: Any, ask: Ask) -> None:
        time.sleep(after)
        body = b'{"data":null}' if status != 401 else b""
        connection.sendall(reply(status=status, reason=message, body=body))

    return respond
