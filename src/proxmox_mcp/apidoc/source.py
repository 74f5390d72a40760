"""Fetching ``apidoc.js``: from a node, from Proxmox's site, from any URL.

One plain request over ``http.client``, with nothing of the process environment (no proxy, no CA variables), no
credentials, a bound on the size and one deadline over the whole of it, so that no server can hold us up.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from proxmox_mcp.errors import ApidocSourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Progress = Callable[[int, int | None], None]

SITE_URL = "https://pve.proxmox.com/pve-docs/api-viewer/apidoc.js"
MAX_BYTES = 64 * 1024 * 1024
_PATH = "/pve-docs/api-viewer/apidoc.js"
_CHUNK = 64 * 1024
_CONNECT_TIMEOUT = 5.0
_READ_TIMEOUT = 30.0
_MOVED = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How a server's certificate is judged: by the system's authorities, those of ``ca_file``, or not at all; and by
    ``fingerprint`` (SHA-256, hexadecimal, with or without colons, several with commas) if there is one. Either of the
    two turns checking on, whatever ``verify`` says; a fingerprint alone takes any certificate that has it."""

    verify: bool = True
    ca_file: Path | None = None
    fingerprint: str = ""

    def context(self) -> ssl.SSLContext:
        """The TLS settings. Raises OSError or ssl.SSLError for a bad ``ca_file``."""
        context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        if self.ca_file is None and (self.fingerprint or not self.verify):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def accepts(self, certificate: bytes) -> bool:
        """Whether a certificate (DER) has the fingerprint, if one is asked for."""
        digest = hashlib.sha256(certificate).hexdigest().encode()
        wanted = [part.replace(":", "").strip().lower() for part in self.fingerprint.split(",") if part.strip()]
        return not wanted or any(hmac.compare_digest(digest, each.encode()) for each in wanted)


def node_url(host: str, port: int = 8006) -> str:
    """Where a node serves its own ``apidoc.js``, without a login. ``host`` may bring its port, as in ``pve1:8007``."""
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    return f"https://{host if _has_port(host) else f'{host}:{port}'}{_PATH}"


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


def fetch(url: str, *, tls: Tls | None = None, progress: Progress | None = None, deadline: float = 120.0) -> bytes:
    """The document at ``url``, in full, within ``deadline`` seconds.

    ``progress`` is told the bytes that have come and how many there will be (None: the server doesn't say). A redirect
    is followed to the same scheme or to https. Raises ApidocSourceError.
    """
    ends = time.monotonic() + deadline
    asked = url
    for _ in range(_MAX_REDIRECTS + 1):
        parts = _checked(url)
        try:
            document, moved = _request(parts, tls or Tls(), progress, ends)
        except (OSError, http.client.HTTPException) as error:
            late = f"{asked} was not complete after {deadline:g} seconds."
            raise _explained(url, error) if time.monotonic() < ends else ApidocSourceError(late, _ELSEWHERE) from error
        if not moved:
            return document
        url = urljoin(url, moved)
        if urlsplit(url).scheme not in ("https", parts.scheme):
            raise ApidocSourceError(f"{asked} redirects to another scheme, which is not followed: {url[:200]}")
    raise ApidocSourceError(f"{asked} redirects more than {_MAX_REDIRECTS} times.", _ELSEWHERE)


_ELSEWHERE = "Fetch it by other means and give the file, or work from a bundled snapshot."


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not url.isascii() or any(character <= " " for character in url):
        raise ApidocSourceError(
            f"{url[:200]!r} is no address on the web.", "It should look like https://host/apidoc.js"
        )
    if parts.username is not None:
        raise ApidocSourceError("The address holds a user name or password.", "The document needs none: leave it out.")
    return parts


def _request(parts: SplitResult, tls: Tls, progress: Progress | None, ends: float) -> tuple[bytes, str]:
    """The document, or where it has moved to."""
    with _connected(parts, tls, ends) as connection:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": "proxmox-mcp"}
        connection.request("GET", target, headers=headers)
        with connection.getresponse() as response:
            if response.status in _MOVED and (moved := response.headers.get("Location")):
                return b"", moved
            _check_head(parts, response)
            return _body(parts, response, progress, ends), ""


@contextmanager
def _connected(parts: SplitResult, tls: Tls, ends: float) -> Iterator[http.client.HTTPConnection]:
    """A connection that is cut when the time is over: a server that drips outlives the timeout of any single read."""
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    context = _context(tls) if parts.scheme == "https" else None
    sock = socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT)
    connection = http.client.HTTPConnection(host, port)
    with sock.dup() as handle:
        timer = threading.Timer(max(0.0, ends - time.monotonic()), _cut, [handle])
        timer.daemon = True
        timer.start()
        try:
            sock.settimeout(_READ_TIMEOUT)
            connection.sock = sock if context is None else _secured(sock, context, host, tls)
            yield connection
        finally:
            timer.cancel()
            timer.join()
            connection.close()
            sock.close()


def _cut(handle: socket.socket) -> None:
    with suppress(OSError):  # the other side may have closed it first
        handle.shutdown(socket.SHUT_RDWR)


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        return tls.context()
    except OSError as error:
        raise ApidocSourceError(
            f"The CA file {tls.ca_file} can't be used: {error.strerror or error}.",
            "Give a PEM file; a cluster's own is /etc/pve/pve-root-ca.pem on its nodes.",
        ) from error


def _secured(sock: socket.socket, context: ssl.SSLContext, host: str, tls: Tls) -> ssl.SSLSocket:
    secured = context.wrap_socket(sock, server_hostname=host)
    certificate = secured.getpeercert(binary_form=True) or b""
    if not tls.accepts(certificate):
        digest = hashlib.sha256(certificate).digest().hex(":").upper()
        secured.close()
        raise ApidocSourceError(
            f"{host} shows another certificate than the one that is pinned.",
            f"Its SHA-256 fingerprint is {digest}: compare it on the node before you trust it.",
        )
    return secured


def _check_head(parts: SplitResult, response: http.client.HTTPResponse) -> None:
    url = parts.geturl()
    if response.status != 200:
        raise ApidocSourceError(
            f"{url} answers {response.status} {response.reason[:80]}.",
            f"A Proxmox VE node serves the document at https://NODE:8006{_PATH}.",
        )
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ApidocSourceError(f"{url} sends the document compressed, although it was not asked to.", _ELSEWHERE)
    if (response.length or 0) > MAX_BYTES:
        raise _too_large(parts)


def _body(parts: SplitResult, response: http.client.HTTPResponse, progress: Progress | None, ends: float) -> bytes:
    total = response.length
    document = bytearray()
    while chunk := response.read1(_CHUNK):
        document += chunk
        if len(document) > MAX_BYTES:
            raise _too_large(parts)
        if progress:
            progress(len(document), total)
    if time.monotonic() >= ends:
        raise TimeoutError
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    if not document:
        raise ApidocSourceError(f"{parts.geturl()} is empty.", _ELSEWHERE)
    return bytes(document)


def _too_large(parts: SplitResult) -> ApidocSourceError:
    return ApidocSourceError(
        f"{parts.geturl()} is larger than {MAX_BYTES // 2**20} MiB.", "An apidoc.js has about 4 MiB: check the address."
    )


def _explained(url: str, error: OSError | http.client.HTTPException) -> ApidocSourceError:
    """What a failure of the connection means and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ApidocSourceError(
            f"The certificate of {url} is not trusted: {error.verify_message}.",
            "Give the authority that signed it (a cluster's own is /etc/pve/pve-root-ca.pem), pin its SHA-256 "
            "fingerprint, or turn verification off.",
        )
    if isinstance(error, ssl.SSLError):
        return ApidocSourceError(f"TLS with {url} fails: {error.reason or error}.", "Is it a port that speaks TLS?")
    if isinstance(error, TimeoutError):
        return ApidocSourceError(f"{url} does not answer.", "Check the host and the port (a node's is 8006).")
    if isinstance(error, socket.gaierror):
        return ApidocSourceError(f"The host of {url} is not known: {error.strerror}.", "Check its name.")
    if isinstance(error, http.client.IncompleteRead | ConnectionResetError | http.client.RemoteDisconnected):
        return ApidocSourceError(f"{url} was cut on its way.", "Try again.")
    if isinstance(error, http.client.HTTPException):
        return ApidocSourceError(f"{url} does not speak HTTP: {type(error).__name__}.", "Check the host and the port.")
    return ApidocSourceError(f"{url} can't be reached: {error.strerror or error}.", "Check the host and the port.")
