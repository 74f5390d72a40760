"""Credentials on the wire, by proxmoxer's own rules for tokens, tickets and CSRF, over our transport.

proxmoxer's password login posts in its constructor, past every pin and check; here it goes the way of every call.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from proxmoxer.backends.https import ProxmoxHTTPApiTokenAuth, ProxmoxHTTPAuth

from proxmox_mcp.errors import AnswerError, AuthenticationError
from proxmox_mcp.proxmox import answers, errors
from proxmox_mcp.proxmox.failover import CONNECT_ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests import PreparedRequest
    from requests.auth import AuthBase

    from proxmox_mcp.proxmox.connection import Connection, HostPort
    from proxmox_mcp.proxmox.transport import Reply

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

    def sign(self, host: HostPort, deadline: float, connect_timeout: float = CONNECT_ALONE) -> AuthBase:
        """Credentials that are good now; may sign in at ``host`` first. Raises like ``Transport.send``."""
        ...

    def refused(self, auth: AuthBase) -> bool:
        """Told that Proxmox answered 401 to ``auth``: whether signing in anew may help."""
        ...


class TokenLogin:
    """An API token: the same header on every request."""

    def __init__(self, connection: Connection) -> None:
        self._auth: AuthBase = ProxmoxHTTPApiTokenAuth(connection.user, connection.token, connection.secret)

    def sign(self, host: HostPort, deadline: float, connect_timeout: float = CONNECT_ALONE) -> AuthBase:  # noqa: ARG002
        return self._auth

    def refused(self, auth: AuthBase) -> bool:  # noqa: ARG002
        return False


class _Ticket(ProxmoxHTTPAuth):  # type: ignore[misc]
    """A ticket got through ``post``, which sends the fields and gives back the ``data`` of the answer."""

    pve_auth_ticket: str

    def __init__(self, user: str, password: str, post: Callable[[dict[str, str]], Mapping[str, Any]]) -> None:
        self._post = post
        super().__init__(user, password)

    def _get_new_tokens(self, password: str | None = None, otp: str | None = None, otptype: str | None = None) -> None:  # noqa: ARG002
        data = self._post({"username": self.username, "password": password or self.pve_auth_ticket})
        self.birth_time = time.monotonic()
        self.pve_auth_ticket = data["ticket"]
        self.csrf_prevention_token = data["CSRFPreventionToken"]

    @property
    def age(self) -> float:
        return time.monotonic() - self.birth_time

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Cookie"] = f"{self.service}AuthCookie={self.pve_auth_ticket}"
        if request.method != "GET":
            request.headers["CSRFPreventionToken"] = self.csrf_prevention_token
        return request


class PasswordLogin:
    """A password: a ticket, renewed in time, and got anew when Proxmox no longer takes it."""

    def __init__(self, connection: Connection, send: Callable[..., Reply]) -> None:
        self._connection = connection
        self._send = send
        self._lock = threading.Lock()
        self._ticket: _Ticket | None = None
        self._refusal: AuthenticationError | None = None
        self._refused_at = 0.0

    def sign(self, host: HostPort, deadline: float, connect_timeout: float = CONNECT_ALONE) -> AuthBase:
        ticket = self._ticket
        if ticket is not None and ticket.age < RENEW_AFTER:
            return ticket
        with self._lock:
            if self._ticket is None or self._ticket.age >= RENEW_AFTER:
                self._ticket = self._sign_in(host, deadline, connect_timeout)
            return self._ticket

    def refused(self, auth: AuthBase) -> bool:
        with self._lock:
            if self._ticket is auth:
                self._ticket = None
        return True

    def _sign_in(self, host: HostPort, deadline: float, connect_timeout: float) -> _Ticket:
        if self._refusal is not None and time.monotonic() - self._refused_at < REFUSAL_HOLDS:
            raise self._refusal.fresh()
        old, self._ticket = self._ticket, None
        post = _post_to(
            partial(self._send, host, deadline=deadline, connect_timeout=connect_timeout), self._connection, host
        )
        if old is not None:
            try:
                return _Ticket(old.username, old.pve_auth_ticket, post)
            except AuthenticationError:
                pass  # It has died in the meantime: the password makes a new one.
        try:
            return _Ticket(self._connection.user, self._connection.secret, post)
        except AuthenticationError as refusal:
            self._refusal, self._refused_at = refusal.fresh(), time.monotonic()
            raise


def _post_to(
    send: Callable[..., Reply], connection: Connection, host: HostPort
) -> Callable[[dict[str, str]], Mapping[str, Any]]:
    def post(fields: dict[str, str]) -> Mapping[str, Any]:
        answer = answers.read(send("POST", "/access/ticket", fields))
        if isinstance(answer, answers.Refusal):
            raise errors.refused(answer, errors.Call("POST", "/access/ticket"), connection)
        data = answer.data if isinstance(answer.data, dict) else {}
        if data.get("NeedTFA"):
            raise AuthenticationError(
                f"The password of {connection.user} is right, but the login asks for a second factor.",
                TFA_ADVICE.format(user=connection.user),
                status=401,
            )
        if not data.get("ticket") or not data.get("CSRFPreventionToken"):
            raise AnswerError(f"{host} answered the login without a ticket.", "Is this Proxmox VE?", status=200)
        return data

    return post
