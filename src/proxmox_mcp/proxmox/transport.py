"""One HTTP exchange with one node, in the calling thread: nothing retried, followed, or taken from the environment.

Why not ``proxmoxer.ProxmoxAPI``: its session splits ``command`` by the shell's rules, follows redirects with the
token, takes a web page for an answer and drops what Proxmox says of a failure. Its credentials (``login``) are used.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter

from proxmox_mcp.apidoc.validation.encode import IN_QUERY, needs_json
from proxmox_mcp.errors import AnswerError, InvalidCallError
from proxmox_mcp.proxmox import faults
from proxmox_mcp.proxmox.failover import CONNECT_ALONE
from proxmox_mcp.proxmox.sockets import FLIGHT, Pool, keep_deadlines, no_delay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests.auth import AuthBase

    from proxmox_mcp.apidoc.model import Wire
    from proxmox_mcp.proxmox.connection import Connection, HostPort

POOL_SIZE = 20
"""Connections to one host that are kept alive: as many as ``client.PLACES``."""
MAX_ANSWER = 64 * 1024 * 1024
MAX_REQUEST = 512 * 1024
"""Bytes that pveproxy takes of a request's body (PVE::APIServer::AnyEvent)."""
CHUNK = 256 * 1024

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whole: ``reason`` is the phrase of the status line, which carries Proxmox's message."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class _Adapter(HTTPAdapter):
    """Sends through one pool of ours, whatever ``requests`` would make of ``verify`` and the environment."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._pool = pool

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """The pool's context decides."""

    def close(self) -> None:
        self._pool.close()
        super().close()


class Transport:
    """Exchanges with the nodes of one connection; may be used by many threads at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._context = keep_deadlines(connection.tls.context())
        self._sessions: dict[HostPort, requests.Session] = {}
        self._lock = threading.Lock()

    def send(
        self,
        host: HostPort,
        method: str,
        path: str,
        params: Wire,
        auth: AuthBase | None = None,
        *,
        deadline: float,
        connect_timeout: float = CONNECT_ALONE,
    ) -> Reply:
        """Send one request and read its answer to the end, before ``deadline`` (monotonic seconds).

        Raises ``UnreachableError``, ``TlsError``, ``DeadlineError`` or ``AnswerError``, with ``sent`` true where the
        request may have reached Proxmox.
        """
        url, content_type, body = _target(host, method, path, params)
        session = self._session(host)
        request = requests.Request(method, url, data=body, auth=auth)
        if content_type:
            request.headers["Content-Type"] = content_type
        FLIGHT.start(deadline=deadline, silence=self._connection.timeout)
        connect_timeout = min(connect_timeout, self._connection.timeout)
        try:
            prepared = session.prepare_request(request)
            timeout = (min(connect_timeout, FLIGHT.patience), FLIGHT.patience)
            response = session.send(prepared, stream=True, allow_redirects=False, timeout=timeout)
            FLIGHT.answered = True
            with response:
                return Reply(response.status_code, response.reason or "", response.headers, _read(response, host))
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            raise faults.explain(error, host, FLIGHT, writes=method != "GET", connect_timeout=connect_timeout) from None

    def close(self) -> None:
        """Close every connection that is kept alive."""
        with self._lock:
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()

    def _session(self, host: HostPort) -> requests.Session:
        with self._lock:
            session = self._sessions.get(host)
            if session is None:
                session = self._sessions[host] = self._new_session(host)
            return session

    def _new_session(self, host: HostPort) -> requests.Session:
        pool = Pool(
            host.host,
            host.port,
            pins=self._connection.fingerprints,
            maxsize=POOL_SIZE,
            ssl_context=self._context,
            assert_hostname=None if self._context.check_hostname else False,
            socket_options=no_delay(),
        )
        session = requests.Session()
        session.trust_env = False
        session.headers.update({"Accept": "application/json", "User-Agent": "proxmox-mcp"})
        session.cookies.set_policy(_NoCookies())
        session.mount("https://", _Adapter(pool))
        return session


class _NoCookies(http.cookiejar.DefaultCookiePolicy):
    """Keeps no cookie that a server sets: the ticket is ours to send."""

    def set_ok(self, *_: Any) -> bool:
        return False


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


def _read(response: requests.Response, host: HostPort) -> bytes:
    whole = bytearray()
    for chunk in response.raw.stream(CHUNK, decode_content=True):
        whole += chunk
        if len(whole) > MAX_ANSWER:
            raise AnswerError(
                f"The answer of {host} is over {MAX_ANSWER // 1024 // 1024} MiB and was not read to its end.",
                "Ask for less: a limit, a filter, or one object instead of a list.",
                sent=True,
            )
        if time.monotonic() > FLIGHT.deadline:
            raise TimeoutError
    return bytes(whole)
