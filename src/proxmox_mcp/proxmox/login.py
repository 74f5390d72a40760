"""Credentials on the wire: an API token, or a ticket for a password.

The ticket is requested over our transport: ``proxmoxer.backends.https.ProxmoxHTTPAuth`` posts the password in its
constructor with a ``requests.post`` of its own, which no pin protects.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from proxmoxer.backends.https import ProxmoxHTTPApiTokenAuth
from requests.auth import AuthBase

from proxmox_mcp.errors import AnswerError, AuthenticationError
from proxmox_mcp.proxmox import answers, errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests import PreparedRequest

    from proxmox_mcp.net.address import HostPort
    from proxmox_mcp.net.client import HttpResponse
    from proxmox_mcp.net.deadline import RequestDeadline
    from proxmox_mcp.proxmox.connection import Connection

RENEW_AFTER = 3600.0
"""Seconds: a ticket lives two hours (PVE::Ticket)."""
REFUSAL_HOLDS = 5.0
"""Seconds for which a refused password is not tried again: Proxmox takes three for each refusal."""

TFA_ADVICE = (
    "A server can't answer a second factor. Use an API token instead: `pveum user token add {user} mcp`, then set "
    "PROXMOX_TOKEN_ID=mcp and PROXMOX_PASSWORD to the secret that it prints."
)


class Login(Protocol):
    """Signs requests."""

    def sign(self, host: HostPort, deadline: RequestDeadline) -> AuthBase:
        """Credentials that are valid now; may sign in at ``host`` first. Raises like ``Transport.send``."""
        ...

    def refused(self, auth: AuthBase) -> bool:
        """To be called when Proxmox answered 401 to ``auth``: returns whether signing in again may help."""
        ...


class TokenLogin:
    """An API token: the same header on every request."""

    def __init__(self, connection: Connection) -> None:
        self._auth: AuthBase = ProxmoxHTTPApiTokenAuth(connection.user, connection.token, connection.secret)

    def sign(self, host: HostPort, deadline: RequestDeadline) -> AuthBase:  # noqa: ARG002
        return self._auth

    def refused(self, auth: AuthBase) -> bool:  # noqa: ARG002
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Ticket(AuthBase):
    """A ticket as Proxmox's web interface sends it: a cookie, and for writes the CSRF token (PVE::APIServer)."""

    ticket: str = field(repr=False)
    csrf_token: str = field(repr=False)
    received_at: float

    @property
    def age(self) -> float:
        return time.monotonic() - self.received_at

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Cookie"] = f"PVEAuthCookie={self.ticket}"
        if request.method != "GET":
            request.headers["CSRFPreventionToken"] = self.csrf_token
        return request


class PasswordLogin:
    """A password: a ticket, renewed in time, and requested again when Proxmox no longer accepts it."""

    def __init__(self, connection: Connection, send: Callable[..., HttpResponse]) -> None:
        self._connection = connection
        self._send = send
        self._lock = threading.Lock()
        self._ticket: Ticket | None = None
        self._refusal: AuthenticationError | None = None
        self._refused_at = 0.0

    def sign(self, host: HostPort, deadline: RequestDeadline) -> AuthBase:
        ticket = self._ticket
        if ticket is not None and ticket.age < RENEW_AFTER:
            return ticket
        with self._lock:
            if self._ticket is None or self._ticket.age >= RENEW_AFTER:
                self._ticket = self._sign_in(host, deadline)
            return self._ticket

    def refused(self, auth: AuthBase) -> bool:
        with self._lock:
            if self._ticket is auth:
                self._ticket = None
        return True

    def _sign_in(self, host: HostPort, deadline: RequestDeadline) -> Ticket:
        if self._refusal is not None and time.monotonic() - self._refused_at < REFUSAL_HOLDS:
            raise self._refusal.fresh()
        old, self._ticket = self._ticket, None
        send, user = partial(self._send, host, deadline=deadline), self._connection.user
        if old is not None:
            try:
                # A valid ticket in place of the password gives a new ticket (PVE::API2::AccessControl, create_ticket).
                return _request_ticket(send, self._connection, host, {"username": user, "password": old.ticket})
            except AuthenticationError:
                pass  # It has expired in the meantime: the password gets a new one.
        try:
            password = self._connection.secret
            return _request_ticket(send, self._connection, host, {"username": user, "password": password})
        except AuthenticationError as refusal:
            self._refusal, self._refused_at = refusal.fresh(), time.monotonic()
            raise


def _request_ticket(
    send: Callable[..., HttpResponse], connection: Connection, host: HostPort, fields: Mapping[str, str]
) -> Ticket:
    answer = answers.read(send("POST", "/access/ticket", fields))
    if isinstance(answer, answers.Refusal):
        raise errors.refused(answer, errors.FailedCall("POST", "/access/ticket"), connection)
    data = answer.data if isinstance(answer.data, dict) else {}
    if data.get("NeedTFA"):
        raise AuthenticationError(
            f"The password of {connection.user} is right, but the login asks for a second factor.",
            TFA_ADVICE.format(user=connection.user),
            status=401,
        )
    if not data.get("ticket") or not data.get("CSRFPreventionToken"):
        raise AnswerError(f"{host} answered the login without a ticket.", "Is this Proxmox VE?", status=200)
    return Ticket(str(data["ticket"]), str(data["CSRFPreventionToken"]), time.monotonic())
