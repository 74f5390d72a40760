"""Checks the certificate of a node: who it is for, when it expires, and whether the settings trust it."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from msgspec import Struct

from proxmox_mcp.doctor.steps import CheckStep, Fix, ReportSection
from proxmox_mcp.doctor.timing import BackgroundTask, Deadline
from proxmox_mcp.errors import ProxmoxMcpError
from proxmox_mcp.net.failures import classify
from proxmox_mcp.net.tls import TlsPolicy, colons, fingerprint, is_pinned
from proxmox_mcp.proxmox.connection_errors import explain
from proxmox_mcp.render.units import number_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Sequence

    from proxmox_mcp.doctor.connectivity import Destination
    from proxmox_mcp.proxmox.connection import Connection

HANDSHAKE_SECONDS = 4.0
SOON = 21
"""Days before the expiry of a certificate from which there is a warning."""

_ON_THE_NODE = "Compare it with what `pvenode cert info` shows on the node, then set it."
_UNCHECKED = (
    "Certificates are not checked (PROXMOX_VERIFY_SSL=false): anyone who can redirect the connection can read "
    "the credentials. Pinning the fingerprint prevents that, also for self-signed certificates."
)
_CLUSTER_AUTHORITY = "PVE Cluster Manager CA"
"""Organisation or unit of the authority that ``pvecm`` creates (PVE::Cluster::Setup, gen_pve_ssl_ca)."""
_NAME_PARTS = {NameOID.COMMON_NAME: "CN", NameOID.ORGANIZATION_NAME: "O", NameOID.ORGANIZATIONAL_UNIT_NAME: "OU"}
_MALFORMED = (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What ``cryptography`` raises for data that is not a certificate."""


class Certificate(Struct, frozen=True):
    """``subject`` and ``issuer`` by short name (CN, O, OU); ``names`` are the DNS names and addresses it is for.

    ``fingerprint`` is its SHA-256 digest with colons.
    """

    subject: dict[str, str]
    issuer: dict[str, str]
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]
    fingerprint: str

    @property
    def self_signed(self) -> bool:
        return self.subject == self.issuer

    @property
    def by_the_cluster(self) -> bool:
        """Whether the authority that every Proxmox cluster creates has signed it (``pvecm updatecerts``)."""
        return self.issuer.get("O") == _CLUSTER_AUTHORITY or self.issuer.get("OU") == _CLUSTER_AUTHORITY

    @property
    def days_left(self) -> int:
        """Whole days until it expires; negative afterwards."""
        return (self.not_after - datetime.now(UTC)).days

    @property
    def begun(self) -> bool:
        return self.not_before <= datetime.now(UTC)


def read_certificate(der: bytes) -> Certificate:
    """A certificate from its DER, trusted or not. Raises ValueError if it is not a certificate.

    ``ssl`` only describes certificates that it could verify, and the others are the ones to explain.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        return Certificate(
            _name_parts(certificate.subject),
            _name_parts(certificate.issuer),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            tuple(_names_in(certificate)),
            colons(fingerprint(der)),
        )
    except _MALFORMED as error:
        raise ValueError("not a certificate") from error


def _name_parts(name: x509.Name) -> dict[str, str]:
    return {_NAME_PARTS[part.oid]: _printable(str(part.value)) for part in name if part.oid in _NAME_PARTS}


def _names_in(certificate: x509.Certificate) -> Iterator[str]:
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for name in alternatives:
        if isinstance(name, x509.DNSName | x509.IPAddress):
            yield _printable(str(name.value))


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())


def tls_handshake(connection: socket.socket, context: ssl.SSLContext, host: str, deadline: Deadline) -> ssl.SSLSocket:
    """TLS over a connection, within the deadline. Raises OSError (TimeoutError, ssl.SSLError)."""
    limit = deadline.within(HANDSHAKE_SECONDS)
    connection.settimeout(max(limit.left, 0.01))
    return BackgroundTask(lambda: context.wrap_socket(connection, server_hostname=host)).result(limit)


def unverified_context() -> ssl.SSLContext:
    """A context that accepts any certificate, to read it."""
    return TlsPolicy(verify=False).context()


def connect_unverified(address: tuple[str, int], place: Destination, deadline: Deadline) -> ssl.SSLSocket:
    """Another connection, only to read its certificate. Raises OSError. The caller closes it."""
    opened = socket.create_connection(address, timeout=max(deadline.within(HANDSHAKE_SECONDS).left, 0.01))
    return tls_handshake(opened, unverified_context(), place.host, deadline)


def look(
    place: Destination, opened: socket.socket, connection: Connection, deadline: Deadline
) -> tuple[CheckStep, Certificate | None]:
    """Check the certificate of a node; None if the settings don't trust it, or there is none."""
    name = place.named("TLS")
    address = opened.getpeername()[:2]
    try:
        with tls_handshake(opened, unverified_context(), place.host, deadline) as secured:
            der = secured.getpeercert(binary_form=True) or b""
        certificate = read_certificate(der)
    except TimeoutError:
        found = f"{place.where} accepts connections but does not answer (waited {HANDSHAKE_SECONDS:g} s)."
        return place.part.fail(
            name,
            found,
            Fix(
                "Check the port (Proxmox VE: 8006). If it is pveproxy that hangs, restart it on the node:",
                ("systemctl restart pveproxy",),
            ),
        ), None
    except OSError as error:
        return place.part.fail(name, *_explain(error, place)), None
    except ValueError:
        return place.part.fail(name, f"{place.where} shows a certificate that can't be read."), None
    details = describe(certificate)
    if connection.fingerprints:
        if not is_pinned(der, connection.fingerprints):
            return place.part.fail(name, *_not_pinned(place, certificate), details=details), None
        return accepted_step(place, name, certificate, "is the pinned one"), certificate
    if not (connection.verify_ssl or connection.ca_file):
        return accepted_step(place, name, certificate, "was not checked"), certificate
    try:
        with socket.create_connection(address, timeout=max(deadline.left, 0.01)) as second:
            tls_handshake(second, connection.tls.context(), place.host, deadline).close()
    except OSError as error:
        found, *fixes = _explain(error, place)
        return place.part.fail(name, found, *fixes, _pin_instead(certificate), details=details), None
    except ProxmoxMcpError as error:
        return place.part.fail(name, error.message, Fix(error.advice), details=details), None
    by = "the authority in PROXMOX_CA_FILE" if connection.ca_file else "a public authority"
    return accepted_step(place, name, certificate, f"is trusted, by {by}"), certificate


def describe(certificate: Certificate) -> tuple[str, ...]:
    """Subject, issuer, validity, names and fingerprint."""
    if certificate.self_signed:
        maker = "itself (self-signed)"
    elif certificate.by_the_cluster:
        maker = "the cluster's own authority (/etc/pve/pve-root-ca.pem on its nodes)"
    else:
        maker = _format_name(certificate.issuer)
    return (
        f"for {_format_name(certificate.subject)}; names: {', '.join(certificate.names) or 'none'}",
        f"issued by {maker}",
        f"valid from {certificate.not_before:%Y-%m-%d} until {certificate.not_after:%Y-%m-%d}",
        f"SHA-256 fingerprint {certificate.fingerprint}",
    )


def verification_step(part: ReportSection, connection: Connection, shown: Sequence[Certificate]) -> CheckStep:
    """Whether certificates are checked; if not, the risk, and the setting that pins those of the nodes."""
    name = "certificate check"
    if connection.fingerprints:
        return part.ok(name, f"on: {len(connection.fingerprints)} pinned by PROXMOX_FINGERPRINT")
    if connection.ca_file:
        return part.ok(name, f"on: against {connection.ca_file} (PROXMOX_CA_FILE)")
    if connection.verify_ssl:
        return part.ok(name, "on: against public authorities (PROXMOX_VERIFY_SSL)")
    if not shown:
        return part.warn(name, _UNCHECKED)
    return part.warn(name, _UNCHECKED, Fix(_ON_THE_NODE, (pin_line(shown),)))


def pin_line(certificates: Sequence[Certificate]) -> str:
    """The setting that pins certificates."""
    return f"PROXMOX_FINGERPRINT={','.join(dict.fromkeys(each.fingerprint for each in certificates))}"


def accepted_step(
    place: Destination, name: str, certificate: Certificate, verdict: str, renewal: Fix | None = None
) -> CheckStep:
    """The step for an accepted certificate: a warning if it is not valid yet, has expired or expires soon.

    ``renewal`` says how to renew it; by default as for a certificate of a node.
    """
    details = describe(certificate)
    found = f"{_format_name(certificate.subject)}, until {certificate.not_after:%Y-%m-%d}; it {verdict}"
    if not certificate.begun:
        return place.part.warn(
            name,
            f"{found}; it is not valid yet",
            Fix("The clock of this machine or of the other one is wrong."),
            details=details,
        )
    if certificate.days_left >= SOON:
        return place.part.ok(name, found, *details)
    days = certificate.days_left
    when = "has expired" if days < 0 else f"expires in {number_of(days, 'day')}"
    return place.part.warn(name, f"{found}; it {when}", renewal or _renewal_fix(certificate), details=details)


def _renewal_fix(certificate: Certificate) -> Fix:
    if certificate.by_the_cluster or certificate.self_signed:
        return Fix("Renew it on the node, then pin the new one if it is pinned here:", ("pvecm updatecerts --force",))
    return Fix("Renew it on the node (for one from ACME):", ("pvenode acme cert renew",))


def _explain(error: OSError, place: Destination) -> tuple[Any, ...]:
    told = explain(classify(error), place.where, writes=False, connect_seconds=HANDSHAKE_SECONDS)
    return told.message, Fix(told.advice)


def _not_pinned(place: Destination, certificate: Certificate) -> tuple[Any, ...]:
    return (
        f"The certificate of {place.where} is not the pinned one.",
        Fix(
            "If the node has a new certificate (after `pvecm updatecerts` or ACME), compare it with what "
            "`pvenode cert info` shows on the node, then set it; for several nodes, all fingerprints with commas. "
            "If it does not, another machine answers instead of the node.",
            (pin_line([certificate]),),
        ),
    )


def _pin_instead(certificate: Certificate) -> Fix:
    return Fix(f"Or pin it. {_ON_THE_NODE}", (pin_line([certificate]),))


def _format_name(name: dict[str, str]) -> str:
    common, organisation = name.get("CN", ""), name.get("O", "")
    if common and organisation:
        return f"{common} ({organisation})"
    return common or organisation or "unnamed"
