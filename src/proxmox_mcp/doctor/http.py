"""Plain HTTP exchanges over the standard library: read by hand, so that what a proxy does to them can be seen.

Nothing of the process environment is used and no redirect is followed. A timer cuts the connection at the deadline,
so that no server can hold us up by sending a byte now and then.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping
    from email.message import Message

    from proxmox_mcp.doctor.timing import Deadline

MOST = 64 * 1024
"""Bytes of an answer that are read."""
AGENT = "proxmox-mcp-doctor"

Faults = (OSError, http.client.HTTPException, ValueError)
"""What an exchange raises; ValueError for what can't be sent, or can't be read as HTTP."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an exchange goes, taken apart. ``path`` is what the request names."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises ValueError for what is no http or https address of a server."""
        parts: SplitResult = urlsplit(url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or not url.isascii()
            or parts.username is not None
        ):
            raise ValueError("not an address")
        return cls(
            parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), parts.path or "/"
        )

    @property
    def netloc(self) -> str:
        """As it stands in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    def at(self, path: str) -> Address:
        """Another path on the same server."""
        return Address(self.scheme, self.host, self.port, path)


@dataclass
class Answer:
    """An answer whose head has come. The body is read by ``text``, or line by line."""

    status: int
    reason: str
    headers: Message
    seconds: float
    _response: http.client.HTTPResponse = field(repr=False)
    _socket: socket.socket = field(repr=False)

    @property
    def content_type(self) -> str:
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    def text(self) -> str:
        """The body, as much as is wanted. Raises what ``Faults`` names."""
        return self._response.read(MOST).decode("utf-8", "replace")

    def line(self, seconds: float) -> str | None:
        """The next line within ``seconds``, None at the end. After a TimeoutError nothing more can be read."""
        self._socket.settimeout(max(seconds, 0.01))
        raw = self._response.readline(MOST)
        return raw.decode("utf-8", "replace").rstrip("\r\n") if raw else None


@contextmanager
def exchange(
    address: Address,
    method: str = "GET",
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    context: ssl.SSLContext | None = None,
    patience: float = 5.0,
    deadline: Deadline,
) -> Iterator[Answer]:
    """Send a request; the answer's head within ``patience`` seconds, all of it before the deadline.

    Raises what ``Faults`` names, TimeoutError among it.
    """
    started = time.monotonic()
    opened = socket.create_connection((address.host, address.port), timeout=max(min(patience, deadline.left), 0.01))
    connection = http.client.HTTPConnection(address.host, address.port)
    with opened.dup() as handle, _cut_at(handle, deadline):
        try:
            secured = context.wrap_socket(opened, server_hostname=address.host) if context else opened
            connection.sock = secured
            sent = {"Host": address.netloc, "User-Agent": AGENT, **(headers or {})}
            connection.request(method, address.path, body=body, headers=sent)
            response = connection.getresponse()
            yield Answer(
                response.status, response.reason, response.headers, time.monotonic() - started, response, secured
            )
        finally:
            connection.close()
            opened.close()


@contextmanager
def _cut_at(handle: socket.socket, deadline: Deadline) -> Iterator[None]:
    timer = threading.Timer(deadline.left, _cut, [handle])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(handle: socket.socket) -> None:
    with suppress(OSError):  # the other side may have closed it first
        handle.shutdown(socket.SHUT_RDWR)
