"""The documents of a search as bytes for the cache: reading them from the schema is most of the work of a start.

The first line names the source and a digest of the rest. Bytes that don't match both were written by another version or
are damaged, and are not used.
"""

from __future__ import annotations

import hashlib
import json
import sys
from array import array
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from proxmox_mcp.search.documents import Document
from proxmox_mcp.search.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.search.indexing import LinesByTerm

_FORM = b"3"
"""Goes up when the same files are read differently."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is read from the schema and our texts: the documents, where each term is in their lines (numbered through),
    how often each word occurs, and what words mean."""

    documents: Sequence[Document]
    places: LinesByTerm
    known: Mapping[str, int]
    vocabulary: Vocabulary


def source_of(index: EndpointIndex, directory: Path) -> str:
    """A digest of all that documents are read from: the endpoints, and the files of ``directory``."""
    digest = hashlib.blake2b(_FORM, digest_size=16)
    for endpoint in index.endpoints:
        digest.update(f"{endpoint.method} {endpoint.path} {endpoint.name}\n".encode())
        digest.update(endpoint.facts)
    for path in (directory / "words.txt", directory / "absent.txt", *sorted((directory / "intents").glob("*.txt"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def pack(source: str, contents: Contents) -> bytes:
    """The contents of an index as bytes: what is small as JSON in a line, then the numbers of all terms."""
    numbers = array("I")
    for each in contents.places.values():
        numbers.extend(each)
    if sys.byteorder == "big":
        numbers.byteswap()
    documents = [[document.lines, document.parameters, document.does] for document in contents.documents]
    terms = {term: len(each) for term, each in contents.places.items()}
    vocabulary = contents.vocabulary
    meanings = [list(vocabulary.concepts.items()), vocabulary.methods, sorted(vocabulary.words)]
    small = json.dumps([documents, terms, contents.known, meanings], separators=(",", ":"))
    body = small.encode() + b"\n" + numbers.tobytes()
    return f"{source} {_digest(body)}\n".encode() + body


def unpack(source: str, stored: bytes) -> Contents | None:
    """What ``pack`` was given; None where the bytes are damaged or come from another source."""
    head, _, body = stored.partition(b"\n")
    if head != f"{source} {_digest(body)}".encode():
        return None
    small, _, rest = body.partition(b"\n")
    documents, terms, known, (concepts, methods, words) = json.loads(small)
    numbers = array("I", rest)
    if sys.byteorder == "big":
        numbers.byteswap()
    ends = accumulate(terms.values())
    places = {term: numbers[end - count : end] for (term, count), end in zip(terms.items(), ends, strict=True)}
    vocabulary = Vocabulary.of(
        {tuple(name): tuple(meant) for name, meant in concepts},
        {concept: tuple(asked) for concept, asked in methods.items()},
        words,
    )
    found = [Document(lines, tuple(parameters), does) for lines, parameters, does in documents]
    return Contents(found, places, known, vocabulary)


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
