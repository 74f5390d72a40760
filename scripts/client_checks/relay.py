"""A relay on loopback before a server, which can cut everything that goes through it."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from scripts.client_checks.check import expect
from scripts.client_checks.servers import SETTLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE = 30.0


class Relay:
    """``port`` is where clients connect. Knows of each connection what its first request was."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._first: list[bytes] = []
        self._ends: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def streams(self) -> int:
        """How often ``/sse`` was opened."""
        return sum(first.startswith(b"GET /sse") for first in self._first)

    def cut(self) -> None:
        """Drop every connection there is; new ones are taken."""
        pairs, self._pairs = self._pairs, []
        for ends in pairs:
            for end in ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def await_stream(self, number: int) -> None:
        """Until ``/sse`` was opened for the nth time and has answered. Raises UnexpectedError."""
        until = time.monotonic() + _PATIENCE
        while self.streams() < number:
            expect(time.monotonic() < until, f"/sse was not opened again within {_PATIENCE:.0f} s")
            time.sleep(0.05)
        time.sleep(SETTLES)

    def close(self) -> None:
        """Take no more connections, cut those there are, and leave nothing open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self._threads:
            thread.join(_PATIENCE)
        for end in self._ends:
            end.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._ends.append(client)
                server = socket.create_connection(("127.0.0.1", self._target))
                self._ends.append(server)
                self._pairs.append((client, server))
                self._start(self._pump, client, server, True)
                self._start(self._pump, server, client, False)

    def _pump(self, source: socket.socket, sink: socket.socket, request: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if request:
                    self._first.append(data[:16])
                    request = False
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def relaying(port: int) -> Iterator[Relay]:
    """A relay before a port of loopback, for the length of a block."""
    relay = Relay(port)
    try:
        yield relay
    finally:
        relay.close()
