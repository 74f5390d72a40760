"""The server as clients reach it: the way there, its certificate, who is let in, then both transports."""

from __future__ import annotations

import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

from proxmox_mcp.doctor import certificate, connectivity, http, mcp_handshake, sse_check, streamable_http_check
from proxmox_mcp.doctor.client_url import HTTP, SSE, ClientUrl
from proxmox_mcp.doctor.connectivity import Destination
from proxmox_mcp.doctor.steps import Fix, Section, Step
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.net.failures import RequestFailedError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.settings import ServerSettings

TOKENLESS_SECONDS = 3.0
HOLD = 75.0
"""Seconds that ``--patient`` keeps a stream: over the minute at which many proxies cut."""
_RENEWAL = Fix("Renew it at the proxy, and reload the proxy.")
_OTHER = {SSE: HTTP, HTTP: SSE}


def look(target: ClientUrl, server: ServerSettings, deadline: Deadline, hold: float = 0.0) -> Iterator[Step]:
    """The steps. ``hold``: seconds to keep an idle stream open, 0 for not at all; they come on top of the deadline."""
    part = Section(target.base)
    where = HostPort(target.address.host, target.address.port)
    place = Destination(part, where, "the address", "Check that the proxy runs, and that its port is passed on to it.")
    step, addresses = connectivity.resolve(place, deadline)
    yield step
    opened = None
    if addresses:
        step, opened = connectivity.connect(place, addresses, deadline)
        yield step
    if opened is None:
        yield part.skipped("MCP", "it can't be reached")
        return
    with opened:
        tls, trusted = _tls(place, target, opened, deadline)
    if tls is not None:
        yield tls
    if not trusted:
        yield part.skipped("MCP", "clients don't go on after this, and no token is sent over such a connection")
        return
    if server.mcp_auth_token.get_secret_value() or server.mcp_callers_file:
        yield from _let_in(part, target, server, deadline)
    held = replace(deadline, end=deadline.end + hold)
    probes = {
        SSE: lambda: sse_check.Probe(part, target, server, held, hold).steps(),
        HTTP: lambda: streamable_http_check.Probe(part, target, server, deadline).steps(),
    }
    for route in target.asked:
        yield from probes[route]()
    for route in (_OTHER[each] for each in target.asked if _OTHER[each] not in target.asked):
        # Not what was asked for: worth knowing, but no failure.
        yield from (replace(step, status="warn") if step.status == "fail" else step for step in probes[route]())


def _tls(place: Destination, target: ClientUrl, opened: socket.socket, deadline: Deadline) -> tuple[Step | None, bool]:
    """Whether clients trust the connection; plain http is what it is."""
    part, name = place.part, "TLS"
    if target.tls is None:
        if connectivity.is_loopback(opened.getpeername()[0]):
            return None, True
        fix = Fix("Put a reverse proxy with a certificate before it: docs/reverse-proxies.md.")
        return part.warn(name, "plain http: the token and all answers can be read on the way", fix), True
    address = opened.getpeername()[:2]
    try:
        with certificate.tls_handshake(opened, target.tls.context(), target.address.host, deadline) as secured:
            shown = certificate.read_certificate(secured.getpeercert(binary_form=True) or b"")
        known = "NODE_EXTRA_CA_CERTS" if target.authorities else "this system"
        return certificate.accepted_step(
            place, name, shown, f"is trusted by public authorities or {known}", _RENEWAL
        ), True
    except TimeoutError:
        return part.fail(name, "The connection opens, and no TLS comes.", Fix("Look into the log of the proxy.")), False
    except ssl.SSLCertVerificationError as error:
        return _distrusted(place, error, address, deadline), False
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or "no certificate that can be read"
        found = f"{place.where} does not speak TLS ({reason})."
        plain = f"http://{target.address.host}:{target.address.port}{target.address.path}"
        return part.fail(name, found, Fix("Is it plain http? Then the address is:", (plain,))), False


def _distrusted(
    place: Destination, error: ssl.SSLCertVerificationError, address: tuple[str, int], deadline: Deadline
) -> Step:
    """Clients refuse the certificate: whose it is, and what makes them take it."""
    details: tuple[str, ...] = ()
    try:
        with certificate.connect_unverified(address, place, deadline) as secured:
            details = certificate.describe(certificate.read_certificate(secured.getpeercert(binary_form=True) or b""))
    except (OSError, ValueError):
        pass  # what was said of it the first time is enough
    said = error.verify_message or "it can't be verified"
    fixes = [Fix("Give the proxy a certificate for this name from an authority that clients know (ACME).")]
    if "self-signed" in said or "self signed" in said or "local issuer" in said:
        fixes.append(
            Fix(
                "Or let clients (Gemini CLI, Claude Code, all on Node.js) and this doctor know your own authority:",
                ("NODE_EXTRA_CA_CERTS=/path/to/authority.pem",),
            )
        )
    return place.part.fail("TLS", f"Clients refuse the certificate: {said.rstrip('.')}.", *fixes, details=details)


def _let_in(part: Section, target: ClientUrl, server: ServerSettings, deadline: Deadline) -> Iterator[Step]:
    """Without a token the answer must be 401. What else it may be, the transports themselves explain."""
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
            f"{target.base}{SSE} lets anybody in, without a token, although one is set here.",
            Fix("Restart the server that runs there with these settings: it was started with others."),
        )
    elif status == 401:
        yield part.ok("who may call, from outside", "without a token: 401, as it should be")
