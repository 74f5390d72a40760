"""HTTP requests of the doctor, to the server and to the pages of nodes: read piece by piece, so that what a proxy does
to a response can be seen.

Name lookup, the TCP connection and the first TLS handshake are tried apart from this, on plain sockets
(``connectivity``, ``certificate``): each is a step of its own in the report, and a certificate that is not trusted is
read there too.
"""

# Tested through tests/doctor/test_client_view.py.

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from proxmox_mcp.net.client import HttpClient
from proxmox_mcp.net.deadline import RequestDeadline
from proxmox_mcp.net.tls import TlsPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.net.client import ResponseStream
    from proxmox_mcp.net.failures import RequestFailedError

MAX_BYTES = 64 * 1024
"""Bytes of a body, or of one line of a stream, that are read."""
BODY_SECONDS = 5.0
"""For each wait for a part of a body."""
AGENT = "proxmox-mcp-doctor"


class Address(Struct, frozen=True):
    """A URL in its parts. ``path`` is what the request names, with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises ValueError if it is not the http or https address of a server."""
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
        """Host and port as the Host header has them."""
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
class HttpAnswer:
    """A response whose head has come after ``seconds``. The body is read by ``text``, or line by line."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content_type: str
    seconds: float
    _stream: ResponseStream = field(repr=False)
    _unread: bytes = field(default=b"", repr=False)

    def text(self) -> str:
        """The body, or its first MAX_BYTES. Raises RequestFailedError."""
        body = bytearray()
        while len(body) < MAX_BYTES and (piece := self._stream.next_piece(BODY_SECONDS, MAX_BYTES)):
            body += piece
        return bytes(body).decode("utf-8", "replace")

    def line(self, seconds: float) -> str | None:
        """The next line within ``seconds``, None at the end.

        Raises RequestFailedError; after one that ``timed_out`` nothing more can be read.
        """
        end = time.monotonic() + seconds
        while b"\n" not in self._unread and len(self._unread) < MAX_BYTES:
            piece = self._stream.next_piece(end - time.monotonic())
            if not piece:
                break
            self._unread += piece
        if not self._unread:
            return None
        raw, _, self._unread = self._unread.partition(b"\n")
        return raw.decode("utf-8", "replace").rstrip("\r")


@contextmanager
def exchange(
    address: Address,
    method: str = "GET",
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    tls: TlsPolicy | None = None,
    patience: float = 5.0,
    deadline: Deadline,
) -> Iterator[HttpAnswer]:
    """Send a request; the head of the response within ``patience`` seconds, all of it before the deadline.

    Raises RequestFailedError.
    """
    started = time.monotonic()
    limits = RequestDeadline(deadline.end, connect=patience, silence=patience)
    with (
        closing(HttpClient(tls or TlsPolicy(verify=False), headers={"User-Agent": AGENT})) as client,
        client.stream(method, address.origin + address.path, headers=headers, body=body, deadline=limits) as response,
    ):
        took = time.monotonic() - started
        yield HttpAnswer(response.status, response.reason, response.headers, response.content_type, took, response)


def reason(failed: RequestFailedError) -> str:
    """Why a request failed, in a few words."""
    return failed.kind.value
