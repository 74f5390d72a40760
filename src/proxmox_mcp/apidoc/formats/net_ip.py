"""The addresses, networks and ranges that the Perl module ``Net::IP`` (1.26) accepts, which Proxmox uses.

Python's ``ipaddress`` differs: here ``8`` is 8.0.0.0, text after a second slash is ignored, and ``10.0.0.1/24`` is
invalid because host bits are set.
"""

from __future__ import annotations

import re
import socket

from proxmox_mcp.apidoc.validation.perl import number

LONGEST = 256
"""Longer than any two addresses; protects against slow matching of long texts."""

_PREFIX = re.compile(r"(\S+?)(/\S+)\n?")
_RANGE = re.compile(r"(.+?)\s*-\s*(.+)\n?")
_SUM = re.compile(r"(.+?)\s+\+\s+.+\n?")
_LENGTH = re.compile(r"/(\d+)\n?")
_QUADS = re.compile(r"\d+(?:\.\d+)*")
_HEXTET = re.compile(r"[a-fA-F\d]{1,4}\n?")
_BITS = {4: 32, 6: 128}


def version(text: str) -> int | None:
    """4 or 6 if ``Net::IP->new`` accepts the text, else None."""
    if len(text) > LONGEST:
        return None
    if prefix := _PREFIX.fullmatch(text):
        return _of_prefix(prefix[1], prefix[2])
    if between := _RANGE.fullmatch(text):
        return _of_range(between[1], between[2])
    if added := _SUM.fullmatch(text):
        return _of_address(added[1])
    return _of_address(text)


def _of_prefix(address: str, suffix: str) -> int | None:
    found = _of_address(address)
    length = _LENGTH.fullmatch(suffix)
    if found is None or length is None:
        return found
    bits = number(length[1])
    width = _BITS[found]
    if bits > width:
        return None
    value = _value(address, found)
    return found if value is None or value % (1 << (width - int(bits))) == 0 else None


def _of_range(first: str, last: str) -> int | None:
    found = _of_address(first)
    if found == 4:
        last = last.rstrip(".")
    if found is None or _of_address(last) != found:
        return None
    start, end = _value(first, found), _value(last, found)
    return found if start is None or end is None or start <= end else None


def _of_address(text: str) -> int | None:
    """The version of a single address, which may be abbreviated as in ``Net::IP``."""
    if ":" in text:
        return 6 if _is_ipv6(text) else None
    return 4 if _is_ipv4(text) else None


def _is_ipv4(text: str) -> bool:
    text = text.removesuffix("\n")
    if not _QUADS.fullmatch(text):
        return False
    quads = text.split(".")
    return len(quads) <= 4 and all(len(quad) <= 3 and number(quad) < 256 for quad in quads)


def _is_ipv6(text: str) -> bool:
    colons = text.count(":")
    if colons > 7 or text.count("::") > 1 or ":::" in text:
        return False
    parts = text.split(":")
    *head, tail = parts
    if "." in tail:
        if not _is_ipv4(tail):
            return False
        colons += 1
        parts = head
    if any(part and not _HEXTET.fullmatch(part) for part in parts):
        return False
    body = text.removesuffix("\n")
    if (body.startswith(":") and not body.startswith("::")) or (body.endswith(":") and not body.endswith("::")):
        return False
    return colons == 7 or "::" in text


def _value(text: str, found: int) -> int | None:
    """The address as a number; None if only ``Net::IP`` can parse it."""
    text = text.removesuffix("\n")
    if found == 4:
        quads = [int(number(quad)) for quad in text.split(".")]
        return sum(quad << shift for quad, shift in zip(quads, (24, 16, 8, 0), strict=False))
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")
    except (OSError, ValueError):
        return None
