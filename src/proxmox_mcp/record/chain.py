"""The chain of the audit log: each line carries its number and a hash over itself and the hash of the line before.

    {"time": ..., "event": ..., ..., "seq": 17, "chain": "<64 hex digits>"}

With a key the hash is an HMAC-SHA-256, which nobody can make again without the key; without one it is a SHA-256, which
shows accidents and not intent. It is made over bytes, not over what they mean: any byte that differs shows.

The first line of a file, and the first after anything unusual, says why in ``chain_start``, names the key, and repeats
the hash of the line before, so that each file can be verified alone.
"""

# Tested through tests/record/test_audit_chain.py.

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any, NamedTuple

NO_KEY = ""
START = "chain_start"
_FIELDS = re.compile(rb', "seq": ([1-9]\d{0,18}), "chain": "([0-9a-f]{64})"\}')
_LONGEST_FIELDS = 112
"""Bytes: no more of the end of a line is looked at, whatever its length."""


class Link(NamedTuple):
    """A place in the chain: the number and the hash of a line."""

    seq: int
    mac: str


BEGIN = Link(0, "0" * 64)
"""What comes before the first line."""


class Start(NamedTuple):
    """Why a line does not simply follow the one before in its file.

    ``size`` and ``digest`` are of the bytes between the two that are not of the chain, such as a torn line.
    """

    why: str
    size: int = 0
    digest: str = ""

    def told(self, key: str, after: Link) -> dict[str, Any]:
        covered = {"loose": self.size, "sha256": self.digest} if self.size else {}
        return {"why": self.why, "key": key, "prev": after.mac, **covered}


class ChainKey:
    """Seals lines, and tells whether a line was sealed with the same key. Without bytes: a plain hash."""

    def __init__(self, key: bytes = b"") -> None:
        self._unfinished = hmac.new(key, digestmod="sha256") if key else hashlib.sha256()
        self.id = hashlib.sha256(b"proxmox-mcp audit key\0" + key).hexdigest()[:8] if key else NO_KEY
        """Which key it is, for the chain to name; says nothing about the key itself."""

    def mac(self, before: str, sealed: bytes) -> str:
        """The hash of a line: ``sealed`` is the line up to its number, ``before`` the hash of the line before."""
        over = self._unfinished.copy()
        over.update(before.encode())
        over.update(sealed)
        return over.hexdigest()

    def seal(self, content: str, after: Link, start: Start | None = None) -> tuple[bytes, Link]:
        """A JSON object as the next line of the chain, with its line end, and its place in the chain."""
        seq = after.seq + 1
        told = f', "{START}": {json.dumps(start.told(self.id, after))}' if start else ""
        sealed = f'{content[:-1]}{told}, "seq": {seq}'.encode()
        mac = self.mac(after.mac, sealed)
        return b'%b, "chain": "%b"}\n' % (sealed, mac.encode()), Link(seq, mac)


class Sealed(NamedTuple):
    """A line taken apart: ``sealed`` is what its hash is made over."""

    sealed: bytes
    link: Link


def take_apart(line: bytes) -> Sealed | None:
    """The parts of a line without its line end; None for one that is not of a chain."""
    start = max(0, len(line) - _LONGEST_FIELDS)
    found = _FIELDS.search(line, start)
    if found is None or found.end() != len(line):
        return None
    return Sealed(line[: found.end(1)], Link(int(found[1]), found[2].decode()))
