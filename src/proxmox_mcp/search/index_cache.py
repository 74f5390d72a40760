"""The documents of a search as bytes for the cache: reading them from the schema is most of the work of a start.

The first line names the source and a digest of the rest. Bytes that don't match both were written by another version or
are damaged, and are not used.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from proxmox_mcp.search.documents import Document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from proxmox_mcp.apidoc.index import EndpointIndex

_FORM = b"1"
"""Goes up when the same files are read differently."""


def source_of(index: EndpointIndex, directory: Path) -> str:
    """A digest of all that documents are read from: the endpoints, and the files of ``directory``."""
    digest = hashlib.blake2b(_FORM, digest_size=16)
    for endpoint in index.endpoints:
        digest.update(f"{endpoint.method} {endpoint.path} {endpoint.name}\n".encode())
        digest.update(endpoint.facts)
    for path in (directory / "words.txt", directory / "absent.txt", *sorted((directory / "intents").glob("*.txt"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def pack(source: str, documents: Sequence[Document], known: Mapping[str, int]) -> bytes:
    """The documents and the known words as bytes."""
    rows = [[document.places, document.lines, document.parameters] for document in documents]
    body = json.dumps([rows, known], separators=(",", ":")).encode()
    return f"{source} {_digest(body)}\n".encode() + body


def unpack(source: str, stored: bytes) -> tuple[list[Document], dict[str, int]] | None:
    """What ``pack`` was given; None where the bytes are damaged or come from another source."""
    head, _, body = stored.partition(b"\n")
    if head != f"{source} {_digest(body)}".encode():
        return None
    rows, known = json.loads(body)
    return [Document(places, lines, tuple(parameters)) for places, lines, parameters in rows], known


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
