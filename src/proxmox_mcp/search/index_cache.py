"""The documents of a search as bytes for the cache: reading them from the schema is most of the work of a start.

The first line names the source and a digest of the rest. Bytes that don't match both were written by another version or
are damaged, and are not used.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.json import Decoder, encode

from proxmox_mcp.search.counts import Counts
from proxmox_mcp.search.documents import Document  # noqa: TC001 - the decoder reads the types
from proxmox_mcp.search.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.search.indexing import LinesByTerm

_FORM = b"8"
"""Goes up when the same files are read differently."""


class Contents(Struct, frozen=True):
    """What is read from the schema and our texts: the documents, where each term is in their lines (numbered through)
    and what is counted of that, how often each word occurs, what words mean, and the paths that only list others."""

    documents: Sequence[Document]
    places: LinesByTerm
    counts: Counts
    known: Mapping[str, int]
    vocabulary: Vocabulary
    directories: frozenset[str]


class _Small(Struct, frozen=True, array_like=True):
    """What is kept as JSON. ``terms``: how often each occurs; ``in_documents``: in how many documents each is."""

    documents: list[Document]
    terms: dict[str, int]
    in_documents: list[int]
    known: Mapping[str, int]
    concepts: list[tuple[tuple[str, ...], tuple[str, ...]]]
    methods: Mapping[str, tuple[str, ...]]
    words: list[str]
    directories: list[str]


_DECODER = Decoder(_Small)


class _Places(Mapping[str, "array[int]"]):
    """The lines of each term, cut out of the numbers of all terms when they are asked for: few terms ever are."""

    def __init__(self, numbers: array[int], counts: Mapping[str, int]) -> None:
        self._numbers, self._counts = numbers, counts
        self._ends = dict(zip(counts, accumulate(counts.values()), strict=True))

    def __getitem__(self, term: str) -> array[int]:
        end = self._ends[term]
        return self._numbers[end - self._counts[term] : end]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)


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
    counts, vocabulary = contents.counts, contents.vocabulary
    terms = {term: len(each) for term, each in contents.places.items()}
    small = _Small(
        list(contents.documents),
        terms,
        [counts.documents[term] for term in terms],
        contents.known,
        list(vocabulary.concepts.items()),
        vocabulary.methods,
        sorted(vocabulary.words),
        sorted(contents.directories),
    )
    body = encode(small) + b"\n" + _bytes_of(numbers) + _bytes_of(counts.terms) + _bytes_of(counts.lengths)
    return f"{source} {_digest(body)}\n".encode() + body


def unpack(source: str, stored: bytes) -> Contents | None:
    """What ``pack`` was given; None where the bytes are damaged or come from another source."""
    head, _, body = stored.partition(b"\n")
    if head != f"{source} {_digest(body)}".encode():
        return None
    small, _, rest = body.partition(b"\n")
    read = _DECODER.decode(small)
    of_places = 4 * sum(read.terms.values())
    of_lines = (len(rest) - of_places) // 2
    places = _Places(_array_of("I", rest[:of_places]), read.terms)
    counts = Counts(
        dict(zip(read.terms, read.in_documents, strict=True)),
        _array_of("I", rest[of_places : of_places + of_lines]),
        _array_of("f", rest[of_places + of_lines :]),
    )
    vocabulary = Vocabulary.of(dict(read.concepts), read.methods, read.words)
    return Contents(read.documents, places, counts, read.known, vocabulary, frozenset(read.directories))


def _bytes_of(numbers: array[Any]) -> bytes:
    """The numbers in the order of bytes of most processors, each in four bytes."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def _array_of(kind: str, written: bytes) -> array[Any]:
    """The numbers that ``_bytes_of`` wrote."""
    numbers = array(kind, written)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
