"""One Proxmox VE cluster: sends calls, and returns ``data`` or raises an error of ``errors.py``.

Blocking work runs in worker threads with their own limit, so that a cluster that is down slows no other, and each
caller has a share of them. A request that may have reached Proxmox is never sent again, unless it was a GET.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import anyio.to_thread
from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.errors import (
    AnswerError,
    AuthenticationError,
    DeadlineError,
    InvalidCallError,
    NodeUnreachableError,
    ProxmoxError,
    TlsError,
    UnreachableError,
)
from proxmox_mcp.net.deadline import AbortHandle, RequestDeadline
from proxmox_mcp.proxmox.answers import NO_CONNECTION, PROXY_STATUS, Answer, Refusal, read
from proxmox_mcp.proxmox.credentials import Credentials
from proxmox_mcp.proxmox.errors import FailedCall, is_of_the_network, refused, version_of_node
from proxmox_mcp.proxmox.failover import CONNECT, CONNECT_ALONE, Hosts, State
from proxmox_mcp.proxmox.shares import Shares, owner
from proxmox_mcp.proxmox.workers import in_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.abc import ByteStream

    from proxmox_mcp.apidoc.model import Wire
    from proxmox_mcp.net.address import HostPort
    from proxmox_mcp.proxmox.connection import Connection
    from proxmox_mcp.proxmox.login import Login
    from proxmox_mcp.proxmox.transport import Transport

_LOG = logging.getLogger("proxmox_mcp.proxmox")

PLACES = 20
"""Requests at the same time; one caller gets at most half of them."""
_PROBES = 4
SUSPICIOUS_SILENCE = 5.0
"""Seconds of silence after which a host, if there are others, is asked whether it still answers at all."""
VERSION_WITHIN = 3.0
"""Seconds for the request of a node's version after a 595."""
_GRACE = 1.0
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE"})
_AUTHENTICATE = frozenset({"Authorization", "Cookie"})
Permit = Callable[[], None]
"""Called by the thread that sends, when nothing else is left to wait for. If it raises, nothing is sent."""
_LOST = (UnreachableError, TlsError, DeadlineError, AnswerError)


class Exchange(Struct, frozen=True):
    """One request and its result, for metrics; ``status`` is empty (None) if no response came."""

    host: str
    method: str
    path: str
    status: int | None
    seconds: float


class Proxmox:
    """A cluster, reached through any of its nodes. Safe for many concurrent calls of one event loop."""

    def __init__(self, connection: Connection, *, observe: Callable[[Exchange], None] | None = None) -> None:
        self.connection = connection
        self._hosts = Hosts(connection.hosts)
        self._observe = observe
        self.shares = Shares(PLACES)
        self._probes = Shares(_PROBES)
        self._wire: tuple[Transport, Login] | None = None
        self._wiring = threading.Lock()
        self.credentials = Credentials(connection.identity)
        self._told_host: HostPort | None = None

    async def request(
        self, method: str, path: str, params: Wire | None = None, *, deadline: float | None = None
    ) -> Any:
        """The ``data`` of the answer to one call. ``path`` is canonical, such as ``/nodes/pve1/qemu/100/config``.

        ``deadline`` bounds the whole call in seconds, other hosts included (default: the connection's timeout and
        five seconds to connect). Raises ``ProxmoxError``, or ``InvalidCallError`` for a path that can't be sent.
        """
        return (await self.answer(method, path, params, deadline=deadline)).data

    async def answer(
        self,
        method: str,
        path: str,
        params: Wire | None = None,
        *,
        deadline: float | None = None,
        permit: Permit | None = None,
    ) -> Answer:
        """As ``request``, with the ``total`` that lists and logs bring. ``permit`` has the last word before sending."""
        return (await self.answer_from_host(method, path, params, deadline=deadline, permit=permit))[0]

    async def answer_from_host(
        self,
        method: str,
        path: str,
        params: Wire | None = None,
        *,
        deadline: float | None = None,
        permit: Permit | None = None,
    ) -> tuple[Answer, HostPort]:
        """As ``answer``, with the host that gave it: what a ticket opens is to be opened there."""
        _check_sendable(method, path)
        seconds = deadline if deadline is not None else self.connection.timeout + 5.0
        call = _Sending(method, path, params or {}, time.monotonic() + seconds, permit=permit)
        with closing(self._hosts.attempts()) as attempts:
            return await self._first_answer(call, attempts)

    async def _first_answer(
        self, call: _Sending, attempts: Iterator[tuple[HostPort, float]]
    ) -> tuple[Answer, HostPort]:
        """The answer of the first host that has one, and that host."""
        error: ProxmoxError | None = None
        for host, connect_timeout in attempts:
            started = time.monotonic()
            try:
                result = await self._ask(host, replace(call, connect_timeout=connect_timeout))
            except _LOST as lost:
                error = lost
                if not self._may_go_on(host, call, lost, time.monotonic() - started):
                    raise
                continue
            if isinstance(result, Answer):
                return result, host
            daemon_down = await self._daemon_down(host, call, result)
            error = refused(result, FailedCall(call.method, call.path), self.connection, daemon_down=daemon_down)
            if not self._another_host_may_know(call, result):
                raise error
            self._hosts.failed(host, error)
        if error is not None and (len(self.connection.hosts) == 1 or not isinstance(error, _LOST)):
            raise error
        raise self._hosts.nobody()

    async def stream(self, host: HostPort) -> ByteStream:
        """A TLS connection to a host, its certificate checked as for every call. Raises ProxmoxError."""
        # requests, which the failures are read from, is slow to import; a terminal is rarely opened.
        from proxmox_mcp.net.failures import RequestFailedError
        from proxmox_mcp.net.stream import open_tls_stream
        from proxmox_mcp.proxmox.connection_errors import explain

        try:
            return await open_tls_stream(host, self.connection.tls, seconds=CONNECT_ALONE)
        except RequestFailedError as failed:
            raise explain(failed, host, writes=False, connect_seconds=CONNECT_ALONE) from None

    async def headers(self, host: HostPort) -> dict[str, str]:
        """The headers that authenticate a GET at a host: what signs in may have to ask it for a ticket first."""
        deadline = time.monotonic() + self.connection.timeout
        abort = AbortHandle()
        await self.shares.take(owner())
        return await in_worker(partial(self._headers, host, deadline, abort), abort, self.shares, owner())

    def _headers(self, host: HostPort, deadline: float, abort: AbortHandle) -> dict[str, str]:
        import requests

        _, login = self._wired()
        auth = login.sign(host, RequestDeadline(deadline, connect=CONNECT, abort=abort))
        request = requests.Request("GET", f"https://{host}/", auth=auth).prepare()
        return {name: value for name, value in request.headers.items() if name in _AUTHENTICATE}

    def state(self) -> State:
        """Which host is in use and why, what is known of the others, and whether the credentials are accepted."""
        return replace(self._hosts.state(), accepted=self.credentials.accepted, refusal=self.credentials.refusal)

    async def aclose(self) -> None:
        """Close the connections that are kept alive; the next call opens new ones."""
        if self._wire is not None:
            await anyio.to_thread.run_sync(self._wire[0].close)

    def _may_go_on(self, host: HostPort, call: _Sending, lost: ProxmoxError, seconds: float) -> bool:
        """Record a failure of a host. Returns whether the call may be sent to the next one."""
        timed_out = isinstance(lost, DeadlineError)
        if not timed_out and not (isinstance(lost, AnswerError) and lost.status):
            self._hosts.failed(host, lost, seconds=seconds)
        if lost.sent and call.method != "GET":
            return False
        return time.monotonic() < call.deadline

    def _another_host_may_know(self, call: _Sending, refusal: Refusal) -> bool:
        """Whether the refusal is only about this host: its own daemon is down, or a proxy before it answered."""
        proxied = refusal.status in PROXY_STATUS or refusal.status in {502, 503, 504}
        several = len(self.connection.hosts) > 1
        return several and proxied and call.method == "GET" and not call.path.startswith("/nodes/")

    async def _daemon_down(self, host: HostPort, call: _Sending, refusal: Refusal) -> str:
        """The host whose pvedaemon is down, if that caused the 595 (``errors.version_of_node``); else empty."""
        if refusal.status != NO_CONNECTION or is_of_the_network(refusal.message):
            return ""
        asked = FailedCall(call.method, call.path)
        path = version_of_node(asked)
        if not path:
            return str(host)
        look = _Sending("GET", path, {}, min(call.deadline, time.monotonic() + VERSION_WITHIN), call.connect_timeout)
        try:
            answers = isinstance(await self._ask(host, look), Answer)
        except ProxmoxError:
            return ""
        return f"node {asked.places['node']}" if answers else ""

    async def _ask(self, host: HostPort, call: _Sending) -> Answer | Refusal:
        """One host's answer. After a 401, a GET signs in again once."""
        for last in (False, True):
            result, auth = await self._exchange(host, call)
            if not (isinstance(result, Refusal) and result.status == 401):
                if isinstance(result, Answer):
                    self.credentials.taken()
                return result
            login = self._wire[1] if self._wire else None
            if last or login is None or not login.refused(auth) or call.method != "GET":
                if call.method == "GET":
                    # A write may carry other credentials (POST /access/ticket): its 401 says nothing about ours.
                    self.credentials.refused(f"{host}: {result.message}")
                return result
        raise AssertionError("unreachable")

    async def _exchange(self, host: HostPort, call: _Sending) -> tuple[Answer | Refusal, Any]:
        started = time.monotonic()
        status: int | None = None
        try:
            result, auth, status = await self._in_thread(host, call)
        except ProxmoxError as error:
            status = error.status
            if isinstance(error, AuthenticationError):
                self.credentials.refused(f"{host}: {error.message}")
            raise
        else:
            self._hosts.worked(host)
            self._note_host(host)
            return result, auth
        finally:
            if self._observe is not None:
                self._observe(Exchange(str(host), call.method, call.path, status, time.monotonic() - started))

    def _note_host(self, host: HostPort) -> None:
        """Log which host receives the calls, when that changes."""
        if host != self._told_host:
            self._told_host = host
            _LOG.info("calls go to %s as %s: %s", host, self.connection.identity, self._hosts.state().reason)

    async def _in_thread(self, host: HostPort, call: _Sending) -> _Sent:
        """Run the exchange in a worker, until the deadline. A write is not cancelled once it is sent.

        While it waits for a free place it can be cancelled, and then it is not sent.
        """
        caller = owner()
        with anyio.move_on_after(call.deadline - time.monotonic()) as waiting:
            await self.shares.take(caller)
        if waiting.cancelled_caught:
            raise DeadlineError(
                f"Your other calls used all your connections to {host} until this one timed out.",
                "Nothing was sent. Wait for other calls to end, or make fewer at the same time.",
            )
        left = call.deadline + _GRACE - time.monotonic()
        with anyio.move_on_after(left, shield=call.method != "GET"):
            if call.method == "GET" and len(self.connection.hosts) > 1:
                return await self._unless_dead(host, call, caller)
            return await self._work(host, call, self.shares, caller)
        raise DeadlineError(
            f"The response of {host} was not complete in the time limit.",
            "The call may have taken effect: check before you repeat it." if call.method != "GET" else "",
            sent=True,
        )

    async def _work(self, host: HostPort, call: _Sending, shares: Shares, caller: str) -> _Sent:
        abort = AbortHandle()
        return await in_worker(partial(self._send, host, call, abort), abort, shares, caller)

    async def _unless_dead(self, host: HostPort, call: _Sending, caller: str) -> _Sent:
        """The exchange, ended early when the host is silent and doesn't answer another request either."""
        outcome: _Sent | None = None
        error: ProxmoxError | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch, host, group.cancel_scope)
            try:
                outcome = await self._work(host, call, self.shares, caller)
            except ProxmoxError as caught:  # A task group would wrap it.
                error = caught
            group.cancel_scope.cancel()
        if error is not None:
            raise error
        if outcome is not None:
            return outcome
        raise UnreachableError(f"{host} accepts connections but no longer answers.", "Its pveproxy hangs.", sent=True)

    async def _watch(self, host: HostPort, scope: anyio.CancelScope) -> None:
        while True:
            await anyio.sleep(SUSPICIOUS_SILENCE)
            await self._probes.take("")
            call = _Sending("GET", "/version", {}, time.monotonic() + SUSPICIOUS_SILENCE)
            try:
                await self._work(host, call, self._probes, "")
            except ProxmoxError:
                scope.cancel()
                return

    def _send(self, host: HostPort, call: _Sending, abort: AbortHandle) -> _Sent:
        transport, login = self._wired()
        deadline = RequestDeadline(call.deadline, connect=call.connect_timeout, abort=abort)
        try:
            auth = login.sign(host, deadline)
        except NodeUnreachableError as error:
            # pvedaemon, which checks passwords, is down on this host: another host may do it. The call was not sent.
            raise UnreachableError(f"{host}: {error.message}", error.advice, status=error.status) from error
        if call.permit is not None:
            call.permit()
        reply = transport.send(host, call.method, call.path, call.params, auth, deadline=deadline)
        return read(reply, writes=call.method != "GET"), auth, reply.status

    def _wired(self) -> tuple[Transport, Login]:
        """The transport and the login, created at the first call: requests and proxmoxer are slow to import."""
        if self._wire is None:
            with self._wiring:
                if self._wire is None:
                    from proxmox_mcp.proxmox.login import PasswordLogin, TokenLogin
                    from proxmox_mcp.proxmox.transport import Transport

                    transport = Transport(self.connection)
                    login = (
                        TokenLogin(self.connection)
                        if self.connection.token
                        else PasswordLogin(self.connection, transport.send)
                    )
                    self._wire = transport, login
        return self._wire


class _Sending(Struct, frozen=True):
    method: str
    path: str
    params: Wire
    deadline: float
    connect_timeout: float = CONNECT
    permit: Permit | None = None


_Sent = tuple[Answer | Refusal, Any, int]


_ENDS_OR_CHANGES = re.compile(r"[?#\\\s]|[^\x00-\x7e]")
_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?![^/])", re.IGNORECASE)
"""A segment of nothing but one or two dots."""


def _check_sendable(method: str, path: str) -> None:
    """Refuse a path that would reach Proxmox changed: HTTP clients resolve dots, and ``?`` and ``#`` end a path."""
    if method not in _METHODS:
        raise InvalidCallError(f"Unsupported method {method}.", "Use GET, POST, PUT or DELETE.")
    if not path.startswith("/") or _ENDS_OR_CHANGES.search(path) or _DOTS.search(path):
        raise InvalidCallError(
            f"The path {path!r} can't be sent as it is.",
            "Write /nodes/pve1/qemu/100: no . or .. segments, no query; other characters percent-encoded.",
        )
