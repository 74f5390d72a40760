"""What the ranker counts over all lines together: worked out once for an index, and cached with its documents."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.search.documents import Document
    from proxmox_mcp.search.indexing import LinesByTerm


class Counts(NamedTuple):
    """In how many documents each term is; for each line its number of terms, and the rarity of its words together."""

    documents: Mapping[str, int]
    terms: array[int]
    lengths: array[float]


def count(documents: Sequence[Document], places: LinesByTerm) -> Counts:
    """Count the terms of all documents, whose lines are numbered through."""
    document_of = documents_of_lines(documents)
    of_terms = {term: len(set(map(document_of.__getitem__, numbers))) for term, numbers in places.items()}
    terms, lengths = [0] * len(document_of), [0.0] * len(document_of)
    for term, numbers in places.items():
        worth = 0.0 if term.startswith("=") else rarity(of_terms[term], len(documents))
        for number in numbers:
            terms[number] += 1
            lengths[number] += worth
    return Counts(of_terms, array("I", terms), array("f", lengths))


def documents_of_lines(documents: Sequence[Document]) -> array[int]:
    """The number of the document of each line."""
    found = array("H")
    for number, document in enumerate(documents):
        found.extend([number] * document.lines)
    return found


def rarity(documents: int, of: int) -> float:
    """The weight of a term that is in this many documents, ``of`` all of them."""
    return math.log(1 + (of - documents + 0.5) / (documents + 0.5))
