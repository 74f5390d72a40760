"""Errors for what Proxmox refuses: what it said, what that means, what to do next.

Statuses are those of ``PVE::APIServer::AnyEvent`` and ``PVE::Exception``; AnyEvent::HTTP adds 595 to 599.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from proxmox_mcp.errors import (
    AuthenticationError,
    DaemonDownError,
    FailedError,
    NodeUnreachableError,
    ParametersError,
    PermissionDeniedError,
    ProxmoxError,
    UnknownMethodError,
)
from proxmox_mcp.proxmox.advice import FailedCall, advise, unknown
from proxmox_mcp.proxmox.answers import PROXY_STATUS, Refusal
from proxmox_mcp.proxmox.grants import grant_lines
from proxmox_mcp.untrusted import is_token, quoted, shown

if TYPE_CHECKING:
    from proxmox_mcp.proxmox.connection import Connection

__all__ = ["FailedCall", "advise", "refused"]

# ``[\w.][\w.]*+`` is ``[\w.]++``, which Python before 3.11.5 reads wrongly in a possessive group (``search.text``).
_MISSING = re.compile(
    r"\((?P<path>[^,()]*+), (?P<privileges>[A-Z][\w.]++(?:(?:\||, | && )[A-Z][\w.][\w.]*+)*+)(?P<more>[^()]*+)\)"
)
_LOST_PACKETS = re.compile(r"no route|unreachable|timed out", re.IGNORECASE)
_TLS = re.compile(r"certificate|tls_|ssl|handshake", re.IGNORECASE)
"""What AnyEvent::HTTP says with 596 where TLS failed, which is before the request is sent."""
_LISTED_ERRORS = 12
_LONGEST_NAME = 100
_DOCTOR = "`proxmox-mcp doctor`, run with the server's settings, looks closer."
_DAEMON_ADVICE = (
    "As root there: `systemctl restart pvedaemon`; `journalctl -u pvedaemon` says why it stopped. pveproxy, which "
    "answers first, needs it for this call and for most others. Nothing was done."
)
_UNKNOWN_OUTCOME = "The call may have taken effect: check before you repeat it."


def refused(refusal: Refusal, call: FailedCall, connection: Connection, *, daemon_down: str = "") -> ProxmoxError:
    """The error for a refusal, with advice. ``sent`` is true where Proxmox can't say whether it took effect.

    ``daemon_down`` names the machine whose pvedaemon is known to be down; empty if that is unknown.
    """
    status, message = refusal.status, refusal.message
    if daemon_down:
        return DaemonDownError(
            f"pvedaemon is not running on {daemon_down} ({status} {quoted(message)}).", _DAEMON_ADVICE, status=status
        )
    if status == 401:
        advice = _who(message, connection)
        return AuthenticationError(f"Proxmox refuses the credentials: {quoted(message)}", advice, status=401)
    if status == 403:
        return PermissionDeniedError(_said(message), _may_not(message, connection), status=403)
    if status == 400:
        return ParametersError(_faults(refusal), _correct(refusal, call), status=400, errors=dict(refusal.errors))
    if status == 501:
        advice = "Check the path and the method: this version of Proxmox has no such call. Names are case-sensitive."
        return UnknownMethodError(_said(message), advice, status=501)
    if status in PROXY_STATUS:
        if _TLS.search(message):
            return NodeUnreachableError(_away(message, status, call), _distrusted(call), status=status, sent=False)
        return NodeUnreachableError(
            _away(message, status, call), _bring_back(status, call), status=status, sent=status != 595
        )
    advice, in_doubt = advise(message, call) or unknown(call), status in {502, 504}
    if in_doubt and call.method != "GET":
        advice = f"{advice} {_UNKNOWN_OUTCOME}"
    return FailedError(_said(message), advice, status=status, errors=dict(refusal.errors), sent=in_doubt)


def _said(message: str) -> str:
    """Proxmox's message, quoted: it contains names that guests and users chose."""
    return f"Proxmox says: {quoted(message.rstrip())}"


def _faults(refusal: Refusal) -> str:
    """Proxmox's message with the fault of each parameter."""
    if not refusal.errors:
        return _said(refusal.message)
    faults = [
        f"{shown(name, _LONGEST_NAME)}: {quoted(text)}" for name, text in list(refusal.errors.items())[:_LISTED_ERRORS]
    ]
    if len(refusal.errors) > _LISTED_ERRORS:
        faults.append(f"and {len(refusal.errors) - _LISTED_ERRORS} more")
    return "\n".join([_said(refusal.message), *faults])


def _correct(refusal: Refusal, call: FailedCall) -> str:
    """Advice for each fault, once."""
    texts = [advise(text, call) for text in refusal.errors.values()] or [advise(refusal.message, call)]
    return " ".join(dict.fromkeys(text for text in texts if text)) or "Correct these parameters; nothing was done."


def _who(message: str, connection: Connection) -> str:
    """What to do about refused credentials."""
    if "ticket" in message.lower() or "csrf" in message.lower():
        return "The login was no longer valid. Nothing was done: repeat the call, and it signs in again."
    return f"{_which(message, connection)} {_DOCTOR}"


def _which(message: str, connection: Connection) -> str:
    """Which of user, token and secret looks wrong, if Proxmox says so: 9.x has one message for all three."""
    said, user, name = message.lower(), connection.user, connection.token
    if "no such user" in said:
        return f"There is no user {user}: `pveum user list` shows them; the realm counts (root@pam is not root@pve)."
    if "no such token" in said:
        return f"User {user} has no token {name}: `pveum user token list {user}` shows those there are."
    if "invalid token value" in said:
        return f"The secret is not that of {connection.identity}. {_new_secret(connection)}"
    if "expired" in said or "disabled" in said:
        return f"The user or token is expired or disabled: `pveum user modify {user} --enable 1 --expire 0`."
    if not name:
        return (
            f"The user {user} or the password is wrong: `pveum user list` shows the users; the realm counts. "
            "Without PROXMOX_TOKEN_ID, PROXMOX_PASSWORD is a password, not a token's secret."
            + (" It looks like a token's secret; then set PROXMOX_TOKEN_ID too." if connection.secret_is_uuid else "")
        )
    hint = (
        "" if connection.secret_is_uuid else " The secret is not a UUID, which every token secret is: check it first."
    )
    return (
        f"One of three is wrong; Proxmox does not say which.{hint} "
        f"The user: `pveum user list` must show {user}, enabled. "
        f"The token: `pveum user token list {user}` must show {name}, not expired. "
        f"{_new_secret(connection)}"
    )


def _new_secret(connection: Connection) -> str:
    user, name = connection.user, connection.token
    return (
        "The secret is shown only once; for a new one: "
        f"`pveum user token remove {user} {name} && pveum user token add {user} {name} --privsep 0` (without "
        "--privsep 0 it needs permissions of its own, which were removed with the old one)."
    )


def _may_not(message: str, connection: Connection) -> str:
    """The missing privilege and its path, with the commands that grant it."""
    if "not available with API token" in message or "API token not allowed" in message:
        return "No API token may call this: sign in by password (no PROXMOX_TOKEN_ID), or do it in the web interface."
    if "root@pam" in message:
        return advise("Only root may", FailedCall("", ""))
    found = _MISSING.search(message)
    if not found or not is_token(found["path"].strip() or "/"):
        return "The privileges of this identity: GET /access/permissions. Those of the call are in its reference."
    path = found["path"].strip() or "/"
    wanted = re.split(r"\||, | && ", found["privileges"])
    any_of = "|" in found["privileges"]
    return grant_lines(connection, path, wanted, any_of=any_of)


def _away(message: str, status: int, call: FailedCall) -> str:
    which = f"node {call.places['node']}" if addresses_a_node(call) else "its own pvedaemon"
    return f"The node that was asked can't reach {which} ({status} {quoted(message)})."


def addresses_a_node(call: FailedCall) -> bool:
    """Whether the node that receives the call may forward it to the node in its path."""
    return call.places["node"] not in ("{node}", "localhost")


def is_of_the_network(message: str) -> bool:
    """Whether a 595 is about lost packets: pvedaemon listens on loopback, where no packet is lost."""
    return _LOST_PACKETS.search(message) is not None


def version_of_node(call: FailedCall) -> str:
    """The path to request after a 595, to learn which of its two causes it has; empty if pvedaemon is the only one.

    pveproxy first forwards a call to the node in its path, and there to pvedaemon if the method is ``protected``
    (PVE::HTTPServer, ``rest_handler``); either may refuse the connection, and both give 595. The
    pveproxy of a node answers ``/version`` without pvedaemon: if that works, pvedaemon is down.
    """
    return f"/nodes/{quote(call.places['node'], safe='')}/version" if addresses_a_node(call) else ""


def _distrusted(call: FailedCall) -> str:
    """A connection between nodes whose TLS failed: the request was not sent over it."""
    node = call.places["node"]
    where = f"On {node}" if not node.startswith("{") else "On the nodes of the cluster"
    return (
        f"The nodes don't trust each other's certificates. {where}: `pvecm updatecerts --force`, then "
        "`systemctl restart pveproxy`. Nothing was done."
    )


def _bring_back(status: int, call: FailedCall) -> str:
    advice = "GET /cluster/status shows which nodes are online. "
    if not addresses_a_node(call):
        advice = "On the node: `systemctl status pvedaemon`. "
    if status == 595:
        return advice + "Nothing was done."
    return advice.strip() if call.method == "GET" else advice + _UNKNOWN_OUTCOME
