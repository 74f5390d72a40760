"""Fetching ``apidoc.js``: from a node, from Proxmox's site, from any URL. No credentials are sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxmox_mcp.errors import ApidocSourceError, SettingsError
from proxmox_mcp.net.deadline import RequestDeadline
from proxmox_mcp.net.tls import TlsPolicy
from proxmox_mcp.untrusted import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.net.client import ResponseStream
    from proxmox_mcp.net.failures import RequestFailedError

    Progress = Callable[[int, int | None], None]

SITE_URL = "https://pve.proxmox.com/pve-docs/api-viewer/apidoc.js"
MAX_BYTES = 64 * 1024 * 1024
_PATH = "/pve-docs/api-viewer/apidoc.js"
_AT_A_NODE = f"A Proxmox VE node serves the document at https://NODE:8006{_PATH}."
_CHUNK = 64 * 1024
_ELSEWHERE = "Download it another way and give the file."


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
    """The whole document at ``url``, within ``deadline`` seconds.

    ``progress`` is called with the bytes received and the total (None: the server doesn't say). Raises
    ApidocSourceError.
    """
    # Here, because ``requests`` is slow to import, and a server that starts on its cache doesn't need it.
    from proxmox_mcp.net.client import HttpClient
    from proxmox_mcp.net.failures import RequestFailedError

    _check_url(url)
    try:
        client = HttpClient(tls or TlsPolicy(), headers={"Accept-Encoding": "identity"})
    except SettingsError as error:
        raise ApidocSourceError(error.message, error.advice) from None
    try:
        with client.stream("GET", url, deadline=RequestDeadline(time.monotonic() + deadline)) as response:
            _check_head(url, response)
            return _body(url, response, progress)
    except RequestFailedError as failed:
        raise _explained(url, failed, deadline) from None
    finally:
        client.close()


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isascii() or any(character <= " " for character in url):
        raise ApidocSourceError(f"{url[:200]!r} is not a web address.", "It should look like https://host/apidoc.js")
    if parts.username is not None:
        raise ApidocSourceError("The address contains a user name or password.", "Remove it: the document needs none.")


def _check_head(url: str, response: ResponseStream) -> None:
    if moved := response.headers.get("Location") if 300 <= response.status < 400 else None:
        raise ApidocSourceError(
            f"{url} answers {response.status}, a redirect to {one_line(moved)}, which is not followed.",
            f"Use the URL of the document itself. {_AT_A_NODE}",
        )
    if response.status != 200:
        raise ApidocSourceError(f"{url} answers {response.status} {response.reason[:80]}.", _AT_A_NODE)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        # Decompressed, 64 MiB may be nothing but zeros that took a moment to send.
        raise ApidocSourceError(f"{url} sends the document compressed, although that was not requested.", _ELSEWHERE)


def _body(url: str, response: ResponseStream, progress: Progress | None) -> bytes:
    document = bytearray()
    for chunk in response.chunks(MAX_BYTES, _CHUNK):
        document += chunk
        if progress:
            progress(len(document), response.length)
    if not document:
        raise ApidocSourceError(f"{url} is empty.", _ELSEWHERE)
    return bytes(document)


def _explained(url: str, failed: RequestFailedError, deadline: float) -> ApidocSourceError:
    """What a failure means and what to do."""
    from proxmox_mcp.net.failures import FailureKind as Kind  # slow: see fetch

    detail = failed.detail
    match failed.kind:
        case Kind.DEADLINE:
            return ApidocSourceError(f"{url} was not complete after {deadline:g} seconds.", _ELSEWHERE)
        case Kind.TOO_LARGE:
            return ApidocSourceError(
                f"{url} is larger than {MAX_BYTES // 2**20} MiB.", "An apidoc.js has about 4 MiB: check the address."
            )
        case Kind.NOT_PINNED:
            return ApidocSourceError(
                f"{urlsplit(url).hostname} shows another certificate than the pinned one.",
                f"Its SHA-256 fingerprint is {detail}: compare it on the node before you trust it.",
            )
        case Kind.NOT_TRUSTED | Kind.WRONG_NAME | Kind.NOT_VALID_NOW:
            return ApidocSourceError(
                f"The certificate of {url} is not trusted: {detail}.",
                "Set the CA that signed it (a cluster's own is /etc/pve/pve-root-ca.pem), pin its SHA-256 "
                "fingerprint, or turn verification off.",
            )
        case Kind.NOT_TLS | Kind.HANDSHAKE | Kind.CLOSED_IN_HANDSHAKE:
            return ApidocSourceError(
                f"TLS with {url} fails: {detail or failed.kind.value}.", "Check that the port speaks TLS."
            )
        case Kind.CONNECT_TIMEOUT | Kind.SILENT:
            return ApidocSourceError(f"{url} does not answer.", "Check the host and the port (a node's is 8006).")
        case Kind.UNKNOWN_NAME:
            return ApidocSourceError(f"The host of {url} can't be resolved: {detail}.", "Check its name.")
        case Kind.CUT_OFF | Kind.CLOSED | Kind.NOT_DECODABLE:
            return ApidocSourceError(f"{url}: the download was interrupted.", "Try again.")
        case Kind.NOT_HTTP:
            return ApidocSourceError(f"{url} does not speak HTTP.", "Check the host and the port.")
        case _:
            return ApidocSourceError(
                f"{url} can't be reached: {detail or failed.kind.value}.", "Check the host and the port."
            )
