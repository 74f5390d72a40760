"""Who a certificate is for, who made it, and until when: read from its DER, whether it is trusted or not.

``ssl`` only tells this of certificates that it could verify, and those that can't be are the ones to be explained.
Structure: RFC 5280, section 4.1; encoding: X.690.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from proxmox_mcp.net.tls import colons, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

_OID, _UTC_TIME = 0x06, 0x17
_SEQUENCE, _VERSION, _EXTENSIONS = 0x30, 0xA0, 0xA3
_DNS_NAME, _ADDRESS = 0x82, 0x87
_NAMES = {b"\x55\x04\x03": "CN", b"\x55\x04\x0a": "O", b"\x55\x04\x0b": "OU"}
_ALTERNATIVE_NAMES = b"\x55\x1d\x11"
_CLUSTER_AUTHORITY = "PVE Cluster Manager CA"


@dataclass(frozen=True, slots=True)
class Certificate:
    """``subject`` and ``issuer`` by short name (CN, O, OU); ``names`` are those it is for: DNS names and addresses."""

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
        """Whether the authority that every Proxmox cluster makes for itself has signed it (``pvecm updatecerts``)."""
        return self.issuer.get("O") == _CLUSTER_AUTHORITY or self.issuer.get("OU") == _CLUSTER_AUTHORITY

    @property
    def days_left(self) -> int:
        """Whole days until it expires; negative afterwards."""
        return (self.not_after - datetime.now(UTC)).days

    @property
    def begun(self) -> bool:
        return self.not_before <= datetime.now(UTC)


def read(der: bytes) -> Certificate:
    """A certificate from its DER. Raises ValueError where it is none."""
    try:
        return _read(der)
    except (IndexError, StopIteration, UnicodeDecodeError) as error:
        raise ValueError("not a certificate") from error


def _read(der: bytes) -> Certificate:
    outer = next(_items(next(_items(der, _SEQUENCE))[1], _SEQUENCE))[1]
    fields = [item for item in _items(outer) if item[0] != _VERSION]
    # serial number, algorithm, issuer, validity, subject, key, then optional parts
    issuer, validity, subject = fields[2][1], fields[3][1], fields[4][1]
    begins, ends = (_time(tag, value) for tag, value in _items(validity))
    extensions = next((value for tag, value in fields if tag == _EXTENSIONS), b"")
    return Certificate(_name(subject), _name(issuer), begins, ends, tuple(_names(extensions)), colons(fingerprint(der)))


def _items(data: bytes, expected: int = 0) -> Iterator[tuple[int, bytes]]:
    """The elements that stand one after the other: tag and content."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(data[at : at + octets], "big"), at + octets
        if at + length > len(data) or (expected and tag != expected):
            raise ValueError("not a certificate")
        yield tag, data[at : at + length]
        at += length


def _name(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for _, relative in _items(data):
        for _, pair in _items(relative):
            (_, oid), (_, value) = _items(pair)
            if oid in _NAMES:
                found[_NAMES[oid]] = "".join(c for c in value.decode("utf-8", "replace") if c.isprintable())
    return found


def _time(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii").removesuffix("Z")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _names(extensions: bytes) -> Iterator[str]:
    for _, every in _items(extensions):
        for _, extension in _items(every):
            parts = list(_items(extension))
            if parts[0] != (_OID, _ALTERNATIVE_NAMES):
                continue
            for tag, value in _items(next(_items(parts[-1][1]))[1]):
                if tag == _DNS_NAME:
                    yield "".join(c for c in value.decode("ascii", "replace") if c.isprintable())
                elif tag == _ADDRESS and len(value) in (4, 16):
                    yield str(ipaddress.ip_address(value))
