"""How well a question fits an endpoint: its fields as a whole, and the one phrase of it that is nearest.

The fields are weighed together with BM25F (Robertson, Zaragoza, Taylor: "Simple BM25 extension to multiple weighted
fields", 2004). A phrase is compared by the share of the weights that it and the question have in common. Both count a
word by its rarity, and two words of one concept for less than the same word.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxmox_mcp.search.phrases import AskedUnit, PhraseIndex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.search.documents import Document
    from proxmox_mcp.search.vocabulary import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The few global numbers of the ranker; measured with ``scripts/bench search`` on questions of our own.

    ``concept`` is what another word of the same concept counts, ``phrase`` the nearest phrase against the fields,
    ``second`` what the next phrase adds, ``parameter`` what a parameter's phrase counts, ``closeness`` how far a
    phrase that says more than the question is further away, ``reranked`` how many endpoints are compared by phrase.
    """

    fields: Mapping[str, float] = field(
        default_factory=lambda: {
            "intents": 1.0,
            "asked": 0.5,
            "path": 1.0,
            "leaf": 1.0,
            "name": 0.5,
            "parameters": 0.3,
            "description": 0.5,
        }
    )
    concept: float = 0.5
    saturation: float = 1.5
    length: float = 0.5
    phrase: float = 1.0
    second: float = 0.15
    parameter: float = 0.9
    closeness: float = 0.5
    reranked: int = 40


@dataclass(frozen=True, slots=True)
class Match:
    """How well one document fits, and how near its nearest phrase is; ``parameter`` where that asks for one."""

    document: int
    score: float
    nearness: float
    parameter: str = ""


class Ranker:
    """Ranks documents, known by their number, for a question."""

    def __init__(self, documents: Sequence[Document], weights: Weights) -> None:
        self._weights = weights
        self._count = len(documents)
        self._unknown = math.log(1 + self._count)
        self._rarity: dict[str, float] = {}
        self._postings: dict[str, tuple[array[int], array[float]]] = {}
        for term, entries in self._inverted(documents).items():
            rarity = math.log(1 + (self._count - len(entries) + 0.5) / (len(entries) + 0.5))
            share = rarity * (weights.concept if term.startswith("=") else 1.0)
            self._rarity[term] = rarity
            self._postings[term] = (
                array("H", [number for number, _ in entries]),
                array("f", [share * count / (count + weights.saturation) for _, count in entries]),
            )
        self._phrases = [PhraseIndex(document.phrases, self._weight) for document in documents]

    def _inverted(self, documents: Sequence[Document]) -> dict[str, list[tuple[int, float]]]:
        """For each term the documents that have it, with its frequency there, weighed by field and length."""
        w = self._weights
        total: Counter[str] = Counter()
        for document in documents:
            total.update({name: len(units) for name, units in document.fields.items()})
        inverted: dict[str, list[tuple[int, float]]] = {}
        for number, document in enumerate(documents):
            frequency: dict[str, float] = {}
            for name, units in document.fields.items():
                if units:
                    once = w.fields[name] / (1 - w.length + w.length * len(units) * len(documents) / total[name])
                    for unit in units:
                        frequency[unit.stem] = frequency.get(unit.stem, 0.0) + once
                        for concept in unit.concepts:
                            frequency[concept] = frequency.get(concept, 0.0) + once
            for term, count in frequency.items():
                inverted.setdefault(term, []).append((number, count))
        return inverted

    def _weight(self, unit: Unit) -> float:
        """How telling a unit is: the rarity of its word, or of its commonest concept where the word is unknown."""
        known = self._rarity.get(unit.stem)
        if known is not None:
            return known
        return min((self._rarity[term] for term in unit.concepts if term in self._rarity), default=self._unknown)

    def rank(self, units: Sequence[Unit], factors: Sequence[float]) -> list[Match]:
        """The documents that fit, best first; a score is multiplied with the document's factor."""
        w = self._weights
        asked = [self._asked(unit) for unit in dict.fromkeys(units)]
        total = sum(unit.weight for unit in asked)
        if not total:
            return []
        scores = self._by_fields(asked)
        scale = 1.0 / ((1 + w.concept) * total)
        best = sorted(((score * factors[number], number) for number, score in enumerate(scores) if score), reverse=True)
        matches = []
        for score, number in best[: w.reranked]:
            near, parameter = self._phrases[number].nearest(asked, total, w.closeness, w.second, w.parameter)
            matches.append(Match(number, scale * score + w.phrase * near * factors[number], near, parameter))
        matches.sort(key=lambda match: -match.score)
        return matches

    def _asked(self, unit: Unit) -> AskedUnit:
        weight = self._weight(unit)
        return AskedUnit(unit.stem, unit.concepts, weight, weight * self._weights.concept)

    def _by_fields(self, asked: Sequence[AskedUnit]) -> list[float]:
        scores = [0.0] * self._count
        for unit in asked:
            for term in (unit.stem, *unit.concepts):
                posting = self._postings.get(term)
                if posting is not None:
                    for number, impact in zip(*posting, strict=True):
                        scores[number] += impact
        return scores
