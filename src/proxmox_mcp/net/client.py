"""The one HTTP client: ``requests`` with our TLS policy, one deadline over the whole exchange, and limits.

Nothing is retried, no redirect is followed, no cookie is kept, and nothing is taken from the environment: no proxy, no
CA file, no ``.netrc``.
"""

from __future__ import annotations

import http.client
import http.cookiejar
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3
from msgspec import Struct
from msgspec.structs import replace
from requests.adapters import HTTPAdapter

from proxmox_mcp.net.connections import BoundedTlsSocket, PlainPool, TlsPool, begin
from proxmox_mcp.net.failures import FailureKind, RequestFailedError, classify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from requests.auth import AuthBase

    from proxmox_mcp.net.connections import RequestState
    from proxmox_mcp.net.deadline import RequestDeadline
    from proxmox_mcp.net.tls import TlsPolicy

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of a response that are read, unless the caller says otherwise."""
CHUNK_BYTES = 256 * 1024
IDLE_SECONDS = 4.0
CONNECTIONS_PER_HOST = 20
"""Connections to one host that are kept open."""
_LIBRARY_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)
_SOCKET_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),  # Small requests go out at once.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),  # A dead peer of an idle connection is noticed.
)


class HttpResponse(Struct, frozen=True):
    """A complete response. ``reason`` is the phrase of the status line, which carries Proxmox's message."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return media_type(self.headers)


class ResponseStream:
    """A response whose head has come; the body is read in pieces. Only as long as ``HttpClient.stream`` is open."""

    def __init__(self, response: requests.Response, state: RequestState) -> None:
        self.status = response.status_code
        self.reason: str = response.reason or ""
        self.headers: Mapping[str, str] = response.headers
        self.length: int | None = response.raw.length_remaining
        """Bytes of the body as the head declares them, None where it doesn't."""
        self._raw = response.raw
        self._state = state

    @property
    def content_type(self) -> str:
        return media_type(self.headers)

    def chunks(self, max_bytes: int = MAX_BYTES, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
        """The body, decompressed. Raises RequestFailedError, TOO_LARGE if it has more than ``max_bytes``."""
        if (self.length or 0) > max_bytes:
            raise RequestFailedError(FailureKind.TOO_LARGE, sent=True)
        got = 0
        with _translated(self._state):
            for chunk in self._raw.stream(chunk_bytes, decode_content=True):
                got += len(chunk)
                if got > max_bytes:
                    raise RequestFailedError(FailureKind.TOO_LARGE, sent=True)
                yield chunk
                # A body that was in the buffer, or that decompresses to much, reads no socket.
                self._state.deadline.wait_limit()

    def next_piece(self, seconds: float, most: int = CHUNK_BYTES) -> bytes:
        """What comes within ``seconds``, empty at the end of the body. Raises RequestFailedError.

        After a timeout nothing more can be read: urllib3 closes the connection.
        """
        whole = self._state.deadline
        self._state.deadline = replace(whole, silence=max(seconds, 0.001))
        try:
            with _translated(self._state):
                return bytes(self._raw.read1(most, decode_content=True))
        finally:
            self._state.deadline = whole


class HttpClient:
    """Sends requests to any number of servers under one TLS policy; may be used by many threads at once.

    ``idle_seconds``: connections that were idle for longer are not used again.
    """

    def __init__(
        self, tls: TlsPolicy, *, headers: Mapping[str, str] | None = None, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        """Raises SettingsError if the CA file can't be used."""
        self._session = _Session(_Adapter(tls, idle_seconds))
        self._headers = {"User-Agent": "proxmox-mcp", **(headers or {})}

    def send(
        self,
        method: str,
        url: str,
        *,
        deadline: RequestDeadline,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        auth: AuthBase | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> HttpResponse:
        """Send one request and read the whole response. Raises RequestFailedError."""
        with self.stream(method, url, deadline=deadline, headers=headers, body=body, auth=auth) as response:
            content = b"".join(response.chunks(max_bytes))
            return HttpResponse(response.status, response.reason, response.headers, content)

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        deadline: RequestDeadline,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        auth: AuthBase | None = None,
    ) -> Iterator[ResponseStream]:
        """Send one request; the response is read while the block runs, and its connection closed if it wasn't.

        Raises RequestFailedError.
        """
        sent = {**self._headers, **(headers or {})}
        request = requests.Request(method, url, headers=sent, data=body, auth=auth)
        state = begin(deadline)
        with _translated(state):
            # Not by the session, which has nothing to add to it: merging its empty cookies and settings took 50 µs.
            prepared = request.prepare()
            # urllib3 refuses a timeout of 0; the sockets compute their own before each read and write.
            response = self._session.send(prepared, stream=True, timeout=(deadline.connect, deadline.wait_limit()))
        state.answered = True
        with response:
            yield ResponseStream(response, state)

    def close(self) -> None:
        """Close the connections that are kept open; the next request opens new ones."""
        self._session.close()


@contextmanager
def _translated(state: RequestState) -> Iterator[None]:
    try:
        yield
    except _LIBRARY_ERRORS as error:
        raise classify(
            error,
            deadline_passed=state.deadline.left <= 0,
            sent=state.sent,
            answered=state.answered,
            kept=state.kept,
        ) from None


def media_type(headers: Mapping[str, str]) -> str:
    """The Content-Type without its parameters, in lower case."""
    return (headers.get("content-type") or "").partition(";")[0].strip().lower()


class _Session(requests.Session):
    """The session of ``requests``, without what it would do of its own accord."""

    def __init__(self, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(_NoCookies())
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """None: even with ``allow_redirects=False``, ``send`` would read a redirect's whole body to prepare the next
        request, without a limit on its size (requests 2.34, ``Session.resolve_redirects``)."""
        return None


class _NoCookies(http.cookiejar.DefaultCookiePolicy):
    """Keeps no cookie that a server sets: the ticket is ours to send."""

    def set_ok(self, *_: Any) -> bool:
        return False


class _Adapter(HTTPAdapter):
    """Sends through our own pools, whatever ``requests`` would make of ``verify`` and the environment."""

    def __init__(self, tls: TlsPolicy, idle_seconds: float) -> None:
        super().__init__()
        self._tls = tls
        self._context = tls.context()
        self._context.sslsocket_class = BoundedTlsSocket
        self._idle_seconds = idle_seconds
        self._pools: dict[tuple[str, str], PlainPool | TlsPool] = {}
        self._lock = threading.Lock()

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> Any:
        parts = urlsplit(request.url or "")
        key = parts.scheme, parts.netloc
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                pool = self._pools[key] = self._new_pool(parts.scheme, parts.hostname or "", parts.port)
            return pool

    def _new_pool(self, scheme: str, host: str, port: int | None) -> PlainPool | TlsPool:
        shared: dict[str, Any] = {
            "maxsize": CONNECTIONS_PER_HOST,
            "socket_options": list(_SOCKET_OPTIONS),
            "idle_seconds": self._idle_seconds,
        }
        if scheme == "http":
            return PlainPool(host, port or 80, **shared)
        return TlsPool(
            host,
            port or 443,
            ssl_context=self._context,
            assert_hostname=None if self._context.check_hostname else False,
            pins=self._tls.fingerprints,
            **shared,
        )

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """The pool's context decides."""

    def close(self) -> None:
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()
        super().close()
