"""The one TLS policy: whom a connection to Proxmox trusts, for calls, for ``apidoc.js`` and for doctor alike."""

from __future__ import annotations

import hashlib
import hmac
import re
import ssl
from pathlib import Path

import certifi
from msgspec import Struct

from proxmox_mcp.errors import SettingsError

_SHA256 = re.compile(r"[0-9a-f]{64}")


class TlsPolicy(Struct, frozen=True, kw_only=True):
    """Trust in a certificate: by public authorities (``verify``), by those of ``ca_file`` alone, or by its pin.

    ``fingerprints`` are SHA-256 digests (64 lower-case hex digits) of which the certificate must have one. A CA file or
    a pin turns checking on, whatever ``verify`` says; a pin alone accepts any certificate that has it, and with a pin
    the host's name doesn't count: nodes are often called by an address that their certificate doesn't have.
    ``extra_ca_file`` holds authorities that are trusted beside the public ones.
    """

    verify: bool = True
    ca_file: Path | None = None
    fingerprints: tuple[str, ...] = ()
    extra_ca_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """The context for one or many connections. Raises SettingsError where the CA file can't be used.

        Made from the bare class: ``ssl.create_default_context`` reads ``SSL_CERT_FILE``, ``SSL_CERT_DIR`` and
        ``SSLKEYLOGFILE`` from the environment and, from Python 3.13 on, sets ``VERIFY_X509_STRICT``, which refuses the
        CA that Proxmox makes for a cluster (it has no key usage).
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca_file is not None:
            _load(context, self.ca_file)
        elif self.verify and not self.fingerprints:
            _load_public_authorities(context)
            if self.extra_ca_file is not None:
                context.load_verify_locations(cafile=self.extra_ca_file)
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.fingerprints:
            context.check_hostname = False
        return context

    def accepts(self, certificate: bytes) -> bool:
        """Whether a certificate (DER) is one of the pinned ones; true where none is pinned."""
        return not self.fingerprints or is_pinned(certificate, self.fingerprints)


def _load(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ValueError) as error:
        unreadable = isinstance(error, OSError) and not isinstance(error, ssl.SSLError)
        reason = getattr(error, "strerror", "") if unreadable else "it holds no certificate"
        raise SettingsError(
            f"The CA file {ca_file} (PROXMOX_CA_FILE) can't be used: {reason}.",
            "It must be a PEM file of certificates, such as a copy of a node's /etc/pve/pve-root-ca.pem.",
        ) from None


def _load_public_authorities(context: ssl.SSLContext) -> None:
    context.load_verify_locations(cafile=certifi.where())
    # The path that was compiled in: what the environment names doesn't count.
    system = Path(ssl.get_default_verify_paths().openssl_cafile)
    if system.is_file():
        context.load_verify_locations(cafile=system)


def parse_fingerprints(text: str) -> tuple[str, ...]:
    """SHA-256 fingerprints, with or without colons, separated by commas or blanks. Raises ValueError."""
    digests = []
    for part in re.split(r"[,\s]+", text):
        digest = part.lower().removeprefix("sha256:").replace(":", "")
        if part and not _SHA256.fullmatch(digest):
            raise ValueError(f"{part!r} is not a SHA-256 fingerprint")
        if part:
            digests.append(digest)
    return tuple(digests)


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
