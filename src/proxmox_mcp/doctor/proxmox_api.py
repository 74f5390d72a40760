"""Checks that a host is Proxmox VE, its version, and that it accepts the credentials."""

# Tested through tests/doctor/test_cluster_checks.py.

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.doctor import http
from proxmox_mcp.doctor.credentials import refusal_fixes
from proxmox_mcp.doctor.steps import CheckStep, Fix
from proxmox_mcp.errors import AuthenticationError, DeadlineError, NodeUnreachableError, ProxmoxError
from proxmox_mcp.net.deadline import RequestDeadline
from proxmox_mcp.net.failures import RequestFailedError
from proxmox_mcp.proxmox import answers, errors
from proxmox_mcp.proxmox.login import PasswordLogin, TokenLogin
from proxmox_mcp.proxmox.transport import Transport

if TYPE_CHECKING:
    from proxmox_mcp.doctor.connectivity import Destination
    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.proxmox.connection import Connection

CONNECT_SECONDS = 4.0
API_SECONDS = 8.0
"""For one response: Proxmox delays a refusal of credentials by 3 s (PVE::APIServer::AnyEvent)."""
_PRODUCT = re.compile(
    r"<title>[^<]*?(Proxmox (?:Backup Server|Mail Gateway|Datacenter Manager|Virtual Environment))", re.IGNORECASE
)
_TITLE = re.compile(r"<title>\s*([^<]{1,80})", re.IGNORECASE)
_HANGS = Fix(
    "Restart the daemons of the node: they hang, often on an unreachable storage. Their log is in the journal:",
    ("systemctl restart pvedaemon pveproxy", "journalctl --since -10min -u pveproxy -u pvedaemon"),
)
_RESTART_DAEMON = Fix(
    "Start pvedaemon again, as root on that node; its journal says why it stopped:",
    ("systemctl restart pvedaemon", "journalctl --since -1h -u pvedaemon"),
)
_PROTECTED = "/cluster/acme/account"
"""A GET that pvedaemon executes (``protected``), that every identity may call, and that only reads a directory, in all
versions from 6 to 9 (PVE::API2::ACMEAccount)."""
_OTHER_PRODUCT = "This server works only with Proxmox VE: set PROXMOX_HOST to a Proxmox VE node, port 8006."


class ApiSession:
    """Sends requests with the credentials exactly as the server does."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._transport = Transport(connection)
        self._login = TokenLogin(connection) if connection.token else PasswordLogin(connection, self._transport.send)

    def get(self, place: Destination, path: str, deadline: Deadline) -> object:
        """The ``data`` of a GET. Raises ProxmoxError."""
        limits = RequestDeadline(deadline.within(API_SECONDS).end, connect=CONNECT_SECONDS)
        auth = self._login.sign(place.where, limits)
        reply = self._transport.send(place.where, "GET", path, {}, auth, deadline=limits)
        answer = answers.read(reply)
        if isinstance(answer, answers.Refusal):
            raise errors.refused(answer, errors.FailedCall("GET", path), self.connection)
        return answer.data

    def close(self) -> None:
        self._transport.close()


class VersionAnswer(Struct, frozen=True):
    """The version of a host (empty if it gave none), and whether it refused the credentials."""

    steps: tuple[CheckStep, ...]
    version: str = ""
    refused: bool = False


def ask_version(place: Destination, session: ApiSession, deadline: Deadline) -> VersionAnswer:
    """Ask a host for its version, with the credentials."""
    api, login = place.named("Proxmox API"), "authentication"
    try:
        data = session.get(place, "/version", deadline)
    except AuthenticationError as error:
        product = _product(place, deadline)
        if product and "Virtual Environment" not in product:
            return VersionAnswer((_other(place, api, product),), refused=True)
        return VersionAnswer(
            (
                place.part.ok(api, "answers like the Proxmox API"),
                place.part.fail(login, error.message, *refusal_fixes(error, session.connection)),
            ),
            refused=True,
        )
    except DeadlineError:
        found = f"{place.where} accepts the request and does not answer (waited {API_SECONDS:g} s)."
        return VersionAnswer((place.part.fail(api, found, _HANGS),))
    except ProxmoxError as error:
        product = _product(place, deadline) if error.status is not None else ""
        if product and "Virtual Environment" not in product:
            return VersionAnswer((_other(place, api, product),))
        return VersionAnswer((place.part.fail(api, error.message, Fix(error.advice)),))
    version = str(data.get("version", "")) if isinstance(data, dict) else ""
    if not re.match(r"\d+\.\d", version):
        found = f"{place.where} answers without a version: it is not Proxmox VE."
        return VersionAnswer((place.part.fail(api, found, Fix(_OTHER_PRODUCT)),))
    return VersionAnswer((place.part.ok(api, f"Proxmox VE {version}"),), version)


def daemon(place: Destination, session: ApiSession, deadline: Deadline) -> CheckStep:
    """Whether pvedaemon is running: pveproxy passes every ``protected`` call to it, but answers ``/version`` alone."""
    name = place.named("pvedaemon")
    try:
        session.get(place, _PROTECTED, deadline)
    except NodeUnreachableError as error:
        found = f"pvedaemon is not running on {place.where} ({error.status}): most calls fail."
        return place.part.fail(name, found, _RESTART_DAEMON)
    except DeadlineError:
        found = f"{place.where} answers, but its pvedaemon does not (waited {API_SECONDS:g} s): most calls hang."
        return place.part.fail(name, found, _HANGS)
    except ProxmoxError as error:
        if error.status is None:
            return place.part.fail(name, error.message, Fix(error.advice))
        # Any other status comes from pvedaemon, or from pveproxy before it needs pvedaemon (403).
    return place.part.ok(name, "answers")


def accepted(place: Destination, connection: Connection) -> CheckStep:
    """The step for accepted credentials."""
    kind = "token" if connection.token else "password of"
    return place.part.ok("authentication", f"{place.where} accepts the {kind} {connection.identity}")


def _other(place: Destination, step: str, product: str) -> CheckStep:
    return place.part.fail(step, f"{place.where} is {product}, not Proxmox VE.", Fix(_OTHER_PRODUCT))


def _product(place: Destination, deadline: Deadline) -> str:
    """The product name or title of the page at the root; empty if there is none.

    Its certificate is not checked: no credentials are sent.
    """
    address = http.Address("https", place.host, place.where.port, "/")
    try:
        with http.exchange(address, patience=3.0, deadline=deadline.within(4.0)) as answer:
            page = answer.text()
    except RequestFailedError:
        return ""
    if named := _PRODUCT.search(page):
        return named[1]
    title = _TITLE.search(page)
    return f"a web server with the page “{_printable(title[1])}”" if title else ""


def _printable(text: str) -> str:
    return "".join(c for c in text.strip() if c.isprintable())
