"""Looks at a node before anything is sent to it: whether it is reached, and which certificate it shows."""

# Tested through tests/setup/test_administrator.py.

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.doctor import connectivity
from proxmox_mcp.doctor.certificate import describe, read_certificate, tls_handshake, unverified_context
from proxmox_mcp.doctor.connectivity import Destination
from proxmox_mcp.doctor.steps import ReportSection
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.net.tls import TlsPolicy

if TYPE_CHECKING:
    from proxmox_mcp.doctor.certificate import Certificate
    from proxmox_mcp.doctor.steps import CheckStep
    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.net.address import HostPort

_PVEPROXY = "Check the port (Proxmox VE: 8006), and on the node: `systemctl status pveproxy`."


class FoundNode(Struct, frozen=True):
    """A node that answers with TLS. ``publicly_trusted``: by a public authority, and for this name."""

    where: HostPort
    certificate: Certificate
    publicly_trusted: bool

    @property
    def described(self) -> tuple[str, ...]:
        """The certificate for people, its fingerprint last."""
        return describe(self.certificate)

    def is_one_of(self, pins: tuple[str, ...]) -> bool:
        """Whether its certificate is one of these SHA-256 digests (64 lower-case hex digits)."""
        return self.certificate.fingerprint.replace(":", "").lower() in pins


def find_node(where: HostPort, deadline: Deadline) -> FoundNode:
    """Connect to a node and read its certificate; nothing secret is sent.

    Raises SettingsError: what failed, and what to check.
    """
    place = Destination(ReportSection("setup"), where, "the host", _PVEPROXY)
    step, addresses = connectivity.resolve(place, deadline)
    if not addresses:
        raise _failure(step)
    step, opened = connectivity.connect(place, addresses, deadline)
    if opened is None:
        raise _failure(step)
    try:
        address = opened.getpeername()[:2]
        with tls_handshake(opened, unverified_context(), place.host, deadline) as secured:
            certificate = read_certificate(secured.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError):
        raise SettingsError(f"{where} does not speak TLS, or shows no certificate.", _PVEPROXY) from None
    finally:
        opened.close()
    return FoundNode(where, certificate, _is_publicly_trusted(address, place.host, deadline))


def _is_publicly_trusted(address: tuple[str, int], host: str, deadline: Deadline) -> bool:
    try:
        with socket.create_connection(address, timeout=max(deadline.left, 0.01)) as opened:
            tls_handshake(opened, TlsPolicy(verify=True).context(), host, deadline).close()
    except OSError:
        return False
    return True


def _failure(step: CheckStep) -> SettingsError:
    advice = "\n".join(" ".join((fix.text, *fix.lines)) for fix in step.fixes)
    return SettingsError(step.found, advice)
