"""Fetching ``apidoc.js``: from a node, from Proxmox's site, from any URL.

One plain request over ``http.client`` under the TLS policy of calls, with nothing of the process environment (no
proxy, no CA variables), no credentials, no redirect followed, a bound on the size and one deadline over the whole of
it, so that no server can hold us up.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from proxmox_mcp.errors import ApidocSourceError, SettingsError
from proxmox_mcp.net.tls import TlsPolicy, colons, fingerprint
from proxmox_mcp.untrusted import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Progress = Callable[[int, int | None], None]

SITE_URL = "https://pve.proxmox.com/pve-docs/api-viewer/apidoc.js"
MAX_BYTES = 64 * 1024 * 1024
_PATH = "/pve-docs/api-viewer/apidoc.js"
_AT_A_NODE = f"A Proxmox VE node serves the document at https://NODE:8006{_PATH}."
_CHUNK = 64 * 1024
_CONNECT_TIMEOUT = 5.0
_READ_TIMEOUT = 30.0


def node_url(host: str, port: int = 8006) -> str:
    """Where a node serves its own ``apidoc.js``, without a login. ``host`` may bring its port, as in ``pve1:8007``."""
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    return f"https://{host if _has_port(host) else f'{host}:{port}'}{_PATH}"


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


def fetch(
    url: str, *, tls: TlsPolicy | None = None, progress: Progress | None = None, deadline: float = 120.0
) -> bytes:
    """The document at ``url``, in full, within ``deadline`` seconds.

    ``progress`` is told the bytes that have come and how many there will be (None: the server doesn't say). No redirect
    is followed. Raises ApidocSourceError.
    """
    ends = time.monotonic() + deadline
    parts = _checked(url)
    try:
        return _request(parts, tls or TlsPolicy(), progress, ends)
    except (OSError, http.client.HTTPException) as error:
        late = f"{url} was not complete after {deadline:g} seconds."
        raise _explained(url, error) if time.monotonic() < ends else ApidocSourceError(late, _ELSEWHERE) from error


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


def _request(parts: SplitResult, tls: TlsPolicy, progress: Progress | None, ends: float) -> bytes:
    with _connected(parts, tls, ends) as connection:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": "proxmox-mcp"}
        connection.request("GET", target, headers=headers)
        with connection.getresponse() as response:
            _check_head(parts, response)
            return _body(parts, response, progress, ends)


@contextmanager
def _connected(parts: SplitResult, tls: TlsPolicy, ends: float) -> Iterator[http.client.HTTPConnection]:
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


def _context(tls: TlsPolicy) -> ssl.SSLContext:
    try:
        return tls.context()
    except SettingsError as error:
        raise ApidocSourceError(error.message, error.advice) from None


def _secured(sock: socket.socket, context: ssl.SSLContext, host: str, tls: TlsPolicy) -> ssl.SSLSocket:
    secured = context.wrap_socket(sock, server_hostname=host)
    certificate = secured.getpeercert(binary_form=True) or b""
    if not tls.accepts(certificate):
        digest = colons(fingerprint(certificate))
        secured.close()
        raise ApidocSourceError(
            f"{host} shows another certificate than the one that is pinned.",
            f"Its SHA-256 fingerprint is {digest}: compare it on the node before you trust it.",
        )
    return secured


def _check_head(parts: SplitResult, response: http.client.HTTPResponse) -> None:
    url = parts.geturl()
    if moved := response.headers.get("Location") if 300 <= response.status < 400 else None:
        raise ApidocSourceError(
            f"{url} answers {response.status}, a redirect to {one_line(moved)}, which is not followed.",
            f"Give the address of the document itself. {_AT_A_NODE}",
        )
    if response.status != 200:
        raise ApidocSourceError(
            f"{url} answers {response.status} {response.reason[:80]}.",
            _AT_A_NODE,
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
