"""One request to one node's API and its whole response, in the calling thread.

Why not ``proxmoxer.ProxmoxAPI``: its session splits ``command`` by the shell's rules, follows redirects with the
token, takes a web page for an answer and drops what Proxmox says of a failure. Its credentials (``login``) are used.
"""

# Tested through tests/proxmox/test_client.py.

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from msgspec.structs import replace

from proxmox_mcp.apidoc.validation.encode import IN_QUERY, needs_json
from proxmox_mcp.errors import AnswerError, InvalidCallError
from proxmox_mcp.net.client import HttpClient
from proxmox_mcp.net.failures import FailureKind, RequestFailedError
from proxmox_mcp.proxmox.connection_errors import explain

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from proxmox_mcp.apidoc.model import Wire
    from proxmox_mcp.net.address import HostPort
    from proxmox_mcp.net.client import HttpResponse
    from proxmox_mcp.net.deadline import RequestDeadline
    from proxmox_mcp.proxmox.connection import Connection

MAX_ANSWER = 64 * 1024 * 1024
MAX_REQUEST = 512 * 1024
"""Bytes that pveproxy takes of a request's body (PVE::APIServer::AnyEvent)."""
PROXY_KEEPS_ALIVE = 4.0
"""Seconds after which an idle connection is dropped: pveproxy closes it after five (PVE::APIServer::AnyEvent)."""

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Transport:
    """Requests to the nodes of one connection; may be used by many threads at once."""

    def __init__(self, connection: Connection) -> None:
        """Raises SettingsError if the CA file can't be used."""
        self._silence = connection.timeout
        headers = {"Accept": JSON, "Accept-Encoding": "gzip, deflate"}
        self._client = HttpClient(connection.tls, headers=headers, idle_seconds=PROXY_KEEPS_ALIVE)

    def send(
        self,
        host: HostPort,
        method: str,
        path: str,
        params: Wire,
        auth: AuthBase | None = None,
        *,
        deadline: RequestDeadline,
    ) -> HttpResponse:
        """Send one request and read the whole response. A GET that was lost with a connection from before, which the
        node may just have closed (restarted, or idle for as long as it keeps one), is sent again over another.

        Raises ``UnreachableError``, ``TlsError``, ``DeadlineError`` or ``AnswerError``, with ``sent`` true if the
        request may have reached Proxmox.
        """
        url, content_type, body = _target(host, method, path, params)
        headers = {"Content-Type": content_type} if content_type else None
        limits = replace(
            deadline,
            connect=min(deadline.connect, self._silence),
            silence=self._silence,
        )
        send = partial(
            self._client.send, method, url, headers=headers, body=body, auth=auth, deadline=limits, max_bytes=MAX_ANSWER
        )
        try:
            try:
                return send()
            except RequestFailedError as lost:
                if not (lost.kept and lost.kind is FailureKind.CLOSED and method == "GET"):
                    raise
                return send()
        except RequestFailedError as failed:
            if failed.kind is FailureKind.TOO_LARGE:
                raise _too_large(host) from None
            raise explain(failed, host, writes=method != "GET", connect_seconds=limits.connect) from None

    def close(self) -> None:
        """Close every connection that is kept open."""
        self._client.close()


def _too_large(host: HostPort) -> AnswerError:
    return AnswerError(
        f"The response of {host} is larger than {MAX_ANSWER // 1024 // 1024} MiB and was not read to its end.",
        "Ask for less: a limit, a filter, or one object instead of a list.",
        sent=True,
    )


def _target(host: HostPort, method: str, path: str, params: Wire) -> tuple[str, str, bytes | None]:
    """The URL, the content type and the body.

    GET and DELETE carry parameters in the query, POST and PUT as a form, or as JSON where a form can't carry them.
    """
    url = f"https://{host}/api2/json{path}"
    try:
        if method in IN_QUERY:
            encoded = _form(params)
            return (f"{url}?{encoded}" if encoded else url), "", None
        as_json = needs_json(params)
        body = (json.dumps(params, separators=(",", ":"), ensure_ascii=False) if as_json else _form(params)).encode()
    except UnicodeEncodeError:
        raise InvalidCallError("A parameter holds half a character (a lone surrogate).", "Send whole text.") from None
    if len(body) > MAX_REQUEST:
        raise InvalidCallError(
            f"The parameters take {len(body) // 1024} KiB; Proxmox takes {MAX_REQUEST // 1024} KiB in one call.",
            "Send less at a time.",
        )
    return url, JSON if as_json else FORM, body


def _form(params: Wire) -> str:
    return urlencode(params, doseq=True, quote_via=quote, safe="")
