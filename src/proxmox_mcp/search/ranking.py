"""How well a question fits an endpoint: its fields as a whole, and the most similar of its phrases.

The fields are weighted together with BM25F (Robertson, Zaragoza, Taylor: "Simple BM25 extension to multiple weighted
fields", 2004). A phrase is compared by the share of the weights that it and the question have in common. Both count a
word by its rarity, and two words of one concept for less than the same word.
"""

# Tested through tests/search/test_searcher.py and tests/search/test_questions.py.

from __future__ import annotations

import math
from array import array
from functools import cache
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, field

from proxmox_mcp.search.counts import documents_of_lines, rarity
from proxmox_mcp.search.documents import FACTS
from proxmox_mcp.search.phrases import PhraseIndex, PhraseWeights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.search.counts import Counts
    from proxmox_mcp.search.documents import Document
    from proxmox_mcp.search.indexing import LinesByTerm
    from proxmox_mcp.search.vocabulary import Unit


FIELDS = (*FACTS, "intents", "asked")


class Weights(Struct, frozen=True, kw_only=True):
    """The few global numbers of the ranker; measured with ``scripts/bench search`` on our own questions.

    ``concept`` is the weight of another word of the same concept, ``phrase`` that of the best phrase beside the fields,
    ``reranked`` how many endpoints are compared by phrase, and ``promising`` the share of the best score they need.
    """

    fields: Mapping[str, float] = field(
        default_factory=lambda: {
            "intents": 1.0,
            "asked": 0.7,
            "path": 1.0,
            "leaf": 1.0,
            "name": 0.5,
            "parameters": 0.3,
            "description": 0.5,
        }
    )
    concept: float = 1.0
    saturation: float = 1.0
    length: float = 0.15
    phrase: float = 0.35
    nearness: PhraseWeights = field(default_factory=PhraseWeights)
    reranked: int = 30
    promising: float = 0.33

    def once(self, name: str, length: int, average: float) -> float:
        """The weight of one occurrence in a field: less, the longer the field is compared with that of others."""
        return self.fields[name] / (1 - self.length + self.length * length / max(1.0, average))


class Match(NamedTuple):
    """How well one document fits, and how similar its best phrase is; ``parameter`` where that phrase asks for one."""

    document: int
    score: float
    nearness: float
    parameter: str = ""


_COMMON = 0.6
"""A term that a larger share of the documents has does not distinguish them, and is left out."""

_SCORE = attrgetter("score")


class Ranker:
    """Ranks documents, known by their number, for a question.

    What a question needs of a term is worked out when it is first asked for: all terms would take a third of a start.
    """

    def __init__(self, documents: Sequence[Document], places: LinesByTerm, counts: Counts, weights: Weights) -> None:
        self._weights = weights
        self._count = len(documents)
        self._unknown = math.log(1 + self._count)
        self._places = places
        self._document_of = documents_of_lines(documents)
        self._in_documents = counts.documents
        self._once = self._weights_of_lines(documents, counts.terms)
        self._postings: dict[str, tuple[array[int], array[float]] | None] = {}
        self._phrases = PhraseIndex(documents, places, counts.lengths)

    def _weights_of_lines(self, documents: Sequence[Document], terms: Sequence[int]) -> array[float]:
        """The weight of one occurrence on each line, by its field and the length of that field in its document.

        The length of a fact is its number of terms, that of phrases their number.
        """
        starts = [0, *accumulate(document.lines for document in documents)]
        lengths = [
            [*(terms[start + fact] for fact in range(len(FACTS))), each.own - len(FACTS), len(each.parameters)]
            for start, each in zip(starts, documents, strict=False)
        ]
        averages = [sum(each) / len(lengths) for each in zip(*lengths, strict=True)]
        weights, once = array("f"), cache(self._weights.once)  # Most lengths of a field come again.
        for own_lengths, each in zip(lengths, documents, strict=True):
            *facts, phrase, asked = map(once, FIELDS, own_lengths, averages)
            weights.extend([*facts, *([phrase] * (each.own - len(FACTS))), *([asked] * len(each.parameters))])
        return weights

    def _posting(self, term: str) -> tuple[array[int], array[float]] | None:
        """The documents that have a term, and what it adds to their scores; None if most documents have it."""
        if term not in self._postings and term in self._places:
            self._postings[term] = self._made_posting(term)
        return self._postings.get(term)

    def _made_posting(self, term: str) -> tuple[array[int], array[float]] | None:
        if self._in_documents[term] > _COMMON * self._count:
            return None
        frequency: dict[int, float] = {}
        for line in self._places[term]:
            document = self._document_of[line]
            frequency[document] = frequency.get(document, 0.0) + self._once[line]
        w = self._weights
        share = self._rarity(term) * (w.concept if term.startswith("=") else 1.0)
        impacts = array("f", [share * count / (count + w.saturation) for count in frequency.values()])
        return array("H", frequency), impacts

    def _weight(self, unit: Unit) -> float:
        """The weight of a unit: the rarity of its word, or of its most common concept where the word is unknown."""
        if unit.stem in self._in_documents:
            return self._rarity(unit.stem)
        known = (term for term in unit.concepts if term in self._in_documents)
        return min(map(self._rarity, known), default=self._unknown)

    def _rarity(self, term: str) -> float:
        return rarity(self._in_documents[term], self._count)

    def rank(self, units: Sequence[Unit], factors: Sequence[float]) -> list[Match]:
        """The documents that fit, best first; a score is multiplied with the document's factor."""
        w = self._weights
        asked = list({unit.stem: unit for unit in units}.values())
        worth, total = self._worth(asked)
        if not total:
            return []
        scale = 1.0 / ((1 + w.concept) * total)
        lines = [(self._phrases.lines_of(term), weight) for term, weight in worth]
        matches = []
        for score, number in self._promising(asked, factors):
            near, parameter = self._phrases.nearest(number, lines, total, w.nearness)
            matches.append(Match(number, scale * score + w.phrase * near * factors[number], near, parameter))
        matches.sort(key=_SCORE, reverse=True)
        return matches

    def _worth(self, asked: Sequence[Unit]) -> tuple[list[tuple[str, float]], float]:
        """The weight of each term of the question, and of the whole question.

        A phrase that has a word has its concepts too: the word counts what they leave of its weight.
        """
        worth: list[tuple[str, float]] = []
        total = 0.0
        for unit in asked:
            weight = self._weight(unit)
            shared = weight * self._weights.concept if unit.concepts else 0.0
            if weight > shared:
                worth.append((unit.stem, weight - shared))
            worth += [(concept, shared / len(unit.concepts)) for concept in unit.concepts]
            total += weight
        return worth, total

    def _promising(self, asked: Sequence[Unit], factors: Sequence[float]) -> list[tuple[float, int]]:
        """The best documents by their fields, with their scores."""
        scores = [0.0] * self._count
        for unit in asked:
            for term in unit.terms:
                posting = self._posting(term)
                if posting is not None:
                    for number, impact in zip(*posting, strict=True):
                        scores[number] += impact
        least = max(scores) * self._weights.promising
        best = [(score * factors[number], number) for number, score in enumerate(scores) if score > least]
        best.sort(reverse=True)
        return best[: self._weights.reranked]
