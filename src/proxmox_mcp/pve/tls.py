"""Whom we trust: one TLS context for each connection, and the pin of a node's certificate."""

from __future__ import annotations

import hashlib
import hmac
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from proxmox_mcp.errors import SettingsError

if TYPE_CHECKING:
    from proxmox_mcp.pve.connection import Connection


def tls_context(connection: Connection) -> ssl.SSLContext:
    """The context for every call of a connection, login included; ``SettingsError`` where the CA file is none.

    Made from the bare class: ``ssl.create_default_context`` reads the environment (``SSL_CERT_FILE``) and, from
    Python 3.13 on, asks more of certificates than the CA that Proxmox makes for itself gives.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if connection.ca_file is not None:
        _load(context, connection.ca_file)
    elif connection.verify_ssl and not connection.fingerprints:
        _load_public_authorities(context)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if connection.fingerprints:
        # A pin says more than a name: nodes are often called by an address that their certificate doesn't bear.
        context.check_hostname = False
    return context


def _load(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or "no certificate in it"
        raise SettingsError(
            f"PROXMOX_CA_FILE is {ca_file}, which can't be used: {reason}.",
            "It takes a PEM file of certificates, such as a copy of a node's /etc/pve/pve-root-ca.pem.",
        ) from None


def _load_public_authorities(context: ssl.SSLContext) -> None:
    import certifi

    context.load_verify_locations(cafile=certifi.where())
    # The paths that were compiled in: those that the environment may name are none of ours.
    system = Path(ssl.get_default_verify_paths().openssl_cafile)
    if system.is_file():
        context.load_verify_locations(cafile=system)


def fingerprint(certificate: bytes) -> str:
    """The SHA-256 digest of a DER certificate, 64 lower-case hex digits."""
    return hashlib.sha256(certificate).hexdigest()


def colons(digest: str) -> str:
    """A digest as Proxmox and openssl print it: ``AB:CD:...``."""
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2)).upper()


def is_pinned(certificate: bytes, pins: tuple[str, ...]) -> bool:
    """Whether a DER certificate is one of those that are trusted."""
    digest = fingerprint(certificate)
    return any(hmac.compare_digest(digest, pin) for pin in pins)
