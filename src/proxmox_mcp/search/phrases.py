"""The phrases of all documents, and how similar a question is to the most similar of one document."""

# Tested through tests/search/test_searcher.py.

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.search.documents import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from proxmox_mcp.search.documents import Document
    from proxmox_mcp.search.indexing import LinesByTerm


class PhraseWeights(Struct, frozen=True, kw_only=True):
    """How phrases are compared.

    ``closeness`` is how much the length of the phrase counts against that of the question, ``second`` what the second
    best phrase adds, ``parameter`` the share of the best score from which the phrase of a parameter selects it.
    """

    closeness: float = 0.5
    second: float = 0.3
    parameter: float = 0.7


class PhraseIndex:
    """The phrases of all documents, whose lines are numbered through; ``lengths`` is what each line weighs."""

    def __init__(self, documents: Sequence[Document], places: LinesByTerm, lengths: Sequence[float]) -> None:
        self._documents = documents
        self._places = places
        self._asked: dict[str, list[int]] = {}
        self._starts = [0, *accumulate(document.lines for document in documents)]
        self._lengths = lengths

    def lines_of(self, term: str) -> Sequence[int]:
        """The lines that have a term; as a list, kept once it was asked for: each look into an array makes a number."""
        if term not in self._asked and term in self._places:
            self._asked[term] = self._places[term].tolist()
        return self._asked.get(term, ())

    def nearest(
        self, document: int, asked: Iterable[tuple[Sequence[int], float]], total: float, how: PhraseWeights
    ) -> tuple[float, str]:
        """How much the most similar phrase and the question have in common, as a share of both; its parameter.

        ``asked`` are the lines of each term of the question with its weight, ``total`` is that of the whole question.
        """
        start, end = self._starts[document] + len(FACTS), self._starts[document + 1]
        common: dict[int, float] = {}
        so_far = common.get
        for numbers, worth in asked:
            first = bisect_left(numbers, start)
            for number in numbers[first : bisect_left(numbers, end, first)]:
                common[number] = so_far(number, 0.0) + worth
        best, next_best, best_of_parameter, parameter = 0.0, 0.0, 0.0, ""
        own, rest = start - len(FACTS) + self._documents[document].own, (1 - how.closeness) * total
        for number, shared in common.items():
            value = shared / (how.closeness * self._lengths[number] + rest)
            if value > best:
                best, next_best = value, best
            elif value > next_best:
                next_best = value
            if number >= own and value > best_of_parameter:
                best_of_parameter, parameter = value, self._documents[document].parameters[number - own]
        meant = parameter if best_of_parameter >= how.parameter * best else ""
        return min(1.0, best) + how.second * min(1.0, next_best), meant
