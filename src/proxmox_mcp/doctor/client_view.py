"""Checks the server as clients reach it: connection, certificate, authentication, both transports."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from msgspec.structs import replace

from proxmox_mcp.doctor import certificate, connectivity, http, mcp_handshake, sse_check, streamable_http_check
from proxmox_mcp.doctor.client_url import HTTP, SSE, ClientUrl
from proxmox_mcp.doctor.connectivity import Destination
from proxmox_mcp.doctor.steps import CheckStep, Fix, ReportSection
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.net.failures import RequestFailedError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.settings import ServerSettings

TOKENLESS_SECONDS = 3.0
HOLD = 75.0
"""Seconds that ``--patient`` keeps a stream open: many proxies close idle streams after 60 s (nginx by default)."""
_RENEWAL = Fix("Renew it at the proxy, and reload the proxy.")
_OTHER = {SSE: HTTP, HTTP: SSE}


def look(target: ClientUrl, server: ServerSettings, deadline: Deadline, hold: float = 0.0) -> Iterator[CheckStep]:
    """The steps. ``hold``: seconds to keep an idle stream open, 0 for not at all; they come on top of the deadline."""
    part = ReportSection(target.base)
    where = HostPort(target.address.host, target.address.port)
    place = Destination(part, where, "the address", "Check that the proxy is running, and that its port is forwarded.")
    step, addresses = connectivity.resolve(place, deadline)
    yield step
    opened = None
    if addresses:
        step, opened = connectivity.connect(place, addresses, deadline)
        yield step
    if opened is None:
        yield part.skipped("MCP", "the address is unreachable")
        return
    with opened:
        tls, trusted = _tls(place, target, opened, deadline)
    if tls is not None:
        yield tls
    if not trusted:
        yield part.skipped("MCP", "clients stop here, and no token is sent over an untrusted connection")
        return
    if server.mcp_auth_token.get_secret_value() or server.mcp_callers_file:
        yield from _let_in(part, target, server, deadline)
    held = replace(deadline, end=deadline.end + hold)
    of_http = held if target.asked[0] == SSE else deadline  # Where the stream is held first, its time is over by then.
    probes = {
        SSE: lambda: sse_check.SseProbe(part, target, server, held, hold).steps(),
        HTTP: lambda: streamable_http_check.StreamableHttpProbe(part, target, server, of_http).steps(),
    }
    for route in target.asked:
        yield from probes[route]()
    for route in (_OTHER[each] for each in target.asked if _OTHER[each] not in target.asked):
        # The address names the other transport: only a warning.
        yield from (replace(step, status="warn") if step.status == "fail" else step for step in probes[route]())


def _tls(
    place: Destination, target: ClientUrl, opened: socket.socket, deadline: Deadline
) -> tuple[CheckStep | None, bool]:
    """Whether clients trust the connection. Plain http is only a warning."""
    part, name = place.part, "TLS"
    if target.tls is None:
        if connectivity.is_loopback(opened.getpeername()[0]):
            return None, True
        fix = Fix("Use a reverse proxy with a certificate: docs/reverse-proxies.md.")
        return part.warn(name, "plain http: others on the network can read the token and all results", fix), True
    address = opened.getpeername()[:2]
    try:
        with certificate.tls_handshake(opened, target.tls.context(), target.address.host, deadline) as secured:
            shown = certificate.read_certificate(secured.getpeercert(binary_form=True) or b"")
        known = "NODE_EXTRA_CA_CERTS" if target.authorities else "this system"
        return certificate.accepted_step(
            place, name, shown, f"is trusted by public authorities or {known}", _RENEWAL
        ), True
    except TimeoutError:
        return part.fail(name, "The connection opens, but TLS does not start.", Fix("See the log of the proxy.")), False
    except ssl.SSLCertVerificationError as error:
        return _distrusted(place, error, address, deadline), False
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or "unreadable certificate"
        found = f"{place.where} does not speak TLS ({reason})."
        plain = f"http://{target.address.host}:{target.address.port}{target.address.path}"
        return part.fail(name, found, Fix("If it is plain http, the address is:", (plain,))), False


def _distrusted(
    place: Destination, error: ssl.SSLCertVerificationError, address: tuple[str, int], deadline: Deadline
) -> CheckStep:
    """The step for a certificate that clients refuse, with its details and how to make them accept it."""
    details: tuple[str, ...] = ()
    try:
        with certificate.connect_unverified(address, place, deadline) as secured:
            details = certificate.describe(certificate.read_certificate(secured.getpeercert(binary_form=True) or b""))
    except (OSError, ValueError):
        pass  # the first error is reported without details
    said = error.verify_message or "verification failed"
    fixes = [Fix("Give the proxy a certificate for this name from a public authority (ACME).")]
    if "self-signed" in said or "self signed" in said or "local issuer" in said:
        fixes.append(
            Fix(
                "Or make clients on Node.js (Gemini CLI, Claude Code) and this doctor trust your own authority:",
                ("NODE_EXTRA_CA_CERTS=/path/to/authority.pem",),
            )
        )
    return place.part.fail("TLS", f"Clients refuse the certificate: {said.rstrip('.')}.", *fixes, details=details)


def _let_in(part: ReportSection, target: ClientUrl, server: ServerSettings, deadline: Deadline) -> Iterator[CheckStep]:
    """Without a token the response must be 401. The checks of the transports explain any other one."""
    asked = mcp_handshake.headers(server, mcp_handshake.STREAM, with_token=False)
    try:
        with http.exchange(
            target.at(SSE),
            headers=asked,
            tls=target.tls,
            patience=TOKENLESS_SECONDS,
            deadline=deadline.within(TOKENLESS_SECONDS),
        ) as answer:
            status, kind = answer.status, answer.content_type
    except RequestFailedError:
        return
    if status == 200 and kind == mcp_handshake.STREAM:
        yield part.fail(
            "who may call, from outside",
            f"{target.base}{SSE} accepts callers without a token, although a token is set here.",
            Fix("Restart the server with these settings: it was started with others."),
        )
    elif status == 401:
        yield part.ok("who may call, from outside", "without a token: 401, as it should be")
