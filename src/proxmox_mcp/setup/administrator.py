"""An administrator's one-time login, to make the user, its roles and its API token.

The password and the ticket are kept in memory as long as this takes, and written nowhere.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from proxmox_mcp.errors import AnswerError, AuthenticationError
from proxmox_mcp.net.deadline import RequestDeadline
from proxmox_mcp.proxmox import answers, errors
from proxmox_mcp.proxmox.login import Ticket
from proxmox_mcp.proxmox.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxmox_mcp.doctor.privilege_profiles import PrivilegeProfile
    from proxmox_mcp.proxmox.connection import Connection

_SECONDS = 20.0
_TICKET = "/access/ticket"
_MOST_NAMES = 50
COMMENT = "MCP server (proxmox-mcp setup)"


@dataclass(frozen=True, slots=True)
class NewToken:
    """An API token that was made. ``done`` says what was, in its order; ``beyond`` what else the user may do."""

    user: str
    name: str
    secret: str = field(repr=False)
    done: tuple[str, ...]
    beyond: tuple[str, ...] = ()


class Administrator:
    """A session of an administrator at one node."""

    def __init__(self, connection: Connection, transport: Transport, ticket: Ticket) -> None:
        self._connection = connection
        self._transport = transport
        self._ticket = ticket

    @classmethod
    def sign_in(cls, connection: Connection, second_factor: Callable[[], str]) -> Self:
        """``connection`` has the password; ``second_factor`` gives the code of the moment, if Proxmox asks for one.

        Raises ProxmoxError.
        """
        transport = Transport(connection)
        try:
            return cls(connection, transport, _ticket(transport, connection, second_factor))
        except AuthenticationError as error:
            transport.close()
            raise error.with_advice("Check user, realm (root@pam is not root@pve), password and code.") from None
        except BaseException:
            transport.close()
            raise

    def close(self) -> None:
        self._transport.close()

    def release(self) -> int:
        """The major version of Proxmox VE."""
        version = str(self._ask("GET", "/version", {}).get("version", ""))
        return int(version.partition(".")[0]) if version[:1].isdigit() else 9

    def make_token(self, user: str, name: str, profile: PrivilegeProfile) -> NewToken:
        """Make the user if it is missing, give it the roles, and make a token with all its privileges.

        A token that exists is left alone, since its secret can't be read again: the new one gets the next free name.
        Raises ProxmoxError; what was done before stays, and running it again continues.
        """
        done = []
        if user not in self._listed("/access/users", "userid"):
            self._ask("POST", "/access/users", {"userid": user, "comment": COMMENT})
            done.append(f"user {user} made")
        roles = profile.roles_of(self.release())
        for path, role in roles:
            self._ask("PUT", "/access/acl", {"path": path, "roles": role, "users": user})
            done.append(f"{role} on {path} for {user}")
        tokens = f"/access/users/{quote(user, safe='')}/token"
        free = self._free_name(tokens, name)
        made = self._ask("POST", f"{tokens}/{quote(free, safe='')}", {"privsep": "0", "comment": COMMENT})
        secret = str(made.get("value", ""))
        if not secret:
            raise AnswerError(f"Proxmox made the token {user}!{free} and did not say its secret.", "Try again.")
        done.append(f"token {user}!{free} made")
        return NewToken(user, free, secret, tuple(done), self._beyond(user, roles))

    def _beyond(self, user: str, roles: Sequence[tuple[str, str]]) -> tuple[str, ...]:
        """Roles that the user has had before, on other paths or beside ours: with them it may do more."""
        listed = self._ask_any("GET", "/access/acl", {})
        entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        had = [(str(each.get("path")), str(each.get("roleid"))) for each in entries if each.get("ugid") == user]
        return tuple(f"{role} on {path}" for path, role in had if (path, role) not in roles)

    def _free_name(self, tokens: str, name: str) -> str:
        taken = self._listed(tokens, "tokenid")
        names = (name, *(f"{name}-{number}" for number in range(2, _MOST_NAMES)))
        return next((each for each in names if each not in taken), name)

    def _listed(self, path: str, key: str) -> set[str]:
        data = self._ask_any("GET", path, {})
        return {str(each.get(key)) for each in data if isinstance(each, dict)} if isinstance(data, list) else set()

    def _ask(self, method: str, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        return _record(self._ask_any(method, path, params))

    def _ask_any(self, method: str, path: str, params: Mapping[str, str]) -> Any:
        return _send(self._transport, self._connection, method, path, params, self._ticket)


def _ticket(transport: Transport, connection: Connection, second_factor: Callable[[], str]) -> Ticket:
    """The ticket for a password, and for a code if Proxmox asks for one (PVE::API2::AccessControl, create_ticket)."""
    # Without new-format, Proxmox VE 7 asks for the second factor in a form of its own.
    given = {"username": connection.user, "password": connection.secret, "new-format": "1"}
    data = _record(_send(transport, connection, "POST", _TICKET, given, None))
    if data.get("NeedTFA"):
        given |= {"password": f"totp:{second_factor()}", "tfa-challenge": str(data.get("ticket", ""))}
        data = _record(_send(transport, connection, "POST", _TICKET, given, None))
    if not data.get("ticket") or not data.get("CSRFPreventionToken"):
        raise AnswerError(f"{connection.hosts[0]} answered the login without a ticket.", "Is this Proxmox VE?")
    return Ticket(str(data["ticket"]), str(data["CSRFPreventionToken"]), time.monotonic())


def _record(data: Any) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _send(
    transport: Transport,
    connection: Connection,
    method: str,
    path: str,
    params: Mapping[str, str],
    ticket: Ticket | None,
) -> Any:
    """The ``data`` of one request to the first host. Raises ProxmoxError."""
    deadline = RequestDeadline(time.monotonic() + _SECONDS)
    reply = transport.send(connection.hosts[0], method, path, dict(params), ticket, deadline=deadline)
    answer = answers.read(reply)
    if isinstance(answer, answers.Refusal):
        raise errors.refused(answer, errors.FailedCall(method, path), connection)
    return answer.data
