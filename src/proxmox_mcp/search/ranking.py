"""How well a question fits an endpoint: its fields as a whole, and the most similar of its phrases.

The fields are weighted together with BM25F (Robertson, Zaragoza, Taylor: "Simple BM25 extension to multiple weighted
fields", 2004). A phrase is compared by the share of the weights that it and the question have in common. Both count a
word by its rarity, and two words of one concept for less than the same word.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from proxmox_mcp.search.documents import FACTS
from proxmox_mcp.search.phrases import PhraseIndex, PhraseWeights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.search.documents import Document
    from proxmox_mcp.search.vocabulary import Unit


FIELDS = (*FACTS, "intents", "asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
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
    """Ranks documents, known by their number, for a question."""

    def __init__(self, documents: Sequence[Document], weights: Weights) -> None:
        self._weights = weights
        self._count = len(documents)
        self._unknown = math.log(1 + self._count)
        self._rarity: dict[str, float] = {}
        self._postings: dict[str, tuple[array[int], array[float]]] = {}
        for term, (numbers, counts) in self._inverted(documents).items():
            rarity = self._rarity[term] = self._rarity_of(len(numbers))
            if len(numbers) <= _COMMON * self._count:
                share = rarity * (weights.concept if term.startswith("=") else 1.0)
                impacts = array("f", [share * count / (count + weights.saturation) for count in counts])
                self._postings[term] = numbers, impacts
        self._phrases = [PhraseIndex(document, self._rarity) for document in documents]

    def _rarity_of(self, documents: int) -> float:
        """The weight of a term that occurs in this many documents."""
        return math.log(1 + (self._count - documents + 0.5) / (documents + 0.5))

    def _inverted(self, documents: Sequence[Document]) -> dict[str, tuple[array[int], array[float]]]:
        """For each term the documents that have it, with its frequency there, weighted by field and length."""
        lengths = [_lengths(document) for document in documents]
        averages = [sum(each) / len(lengths) for each in zip(*lengths, strict=True)]
        inverted: dict[str, tuple[array[int], array[float]]] = {}
        for number, (document, own_lengths) in enumerate(zip(documents, lengths, strict=True)):
            once = list(map(self._weights.once, FIELDS, own_lengths, averages))
            for term, places in document.places.items():
                if term not in inverted:
                    inverted[term] = array("H"), array("f")
                numbers, counts = inverted[term]
                numbers.append(number)
                counts.append(_frequency(places, once, document.own))
        return inverted

    def _weight(self, unit: Unit) -> float:
        """The weight of a unit: the rarity of its word, or of its most common concept where the word is unknown."""
        known = self._rarity.get(unit.stem)
        if known is not None:
            return known
        return min((self._rarity[term] for term in unit.concepts if term in self._rarity), default=self._unknown)

    def rank(self, units: Sequence[Unit], factors: Sequence[float]) -> list[Match]:
        """The documents that fit, best first; a score is multiplied with the document's factor."""
        w = self._weights
        asked = list({unit.stem: unit for unit in units}.values())
        worth, total = self._worth(asked)
        if not total:
            return []
        scale = 1.0 / ((1 + w.concept) * total)
        matches = []
        for score, number in self._promising(asked, factors):
            near, parameter = self._phrases[number].nearest(worth, total, w.nearness)
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
            worth.append((unit.stem, weight - shared))
            worth += [(concept, shared / len(unit.concepts)) for concept in unit.concepts]
            total += weight
        return worth, total

    def _promising(self, asked: Sequence[Unit], factors: Sequence[float]) -> list[tuple[float, int]]:
        """The best documents by their fields, with their scores."""
        scores = [0.0] * self._count
        for unit in asked:
            for term in unit.terms:
                posting = self._postings.get(term)
                if posting is not None:
                    for number, impact in zip(*posting, strict=True):
                        scores[number] += impact
        least = max(scores) * self._weights.promising
        best = [(score * factors[number], number) for number, score in enumerate(scores) if score > least]
        best.sort(reverse=True)
        return best[: self._weights.reranked]


def _frequency(places: Sequence[int], once: Sequence[float], own: int) -> float:
    """How often a term occurs on lines, each counted as its field is: the facts one by one, the phrases together."""
    first = bisect_left(places, len(FACTS)) if places[0] < len(FACTS) else 0
    asked = len(places) - bisect_left(places, own) if places[-1] >= own else 0
    count = (len(places) - first - asked) * once[-2] + asked * once[-1]
    return count + sum([once[number] for number in places[:first]]) if first else count


def _lengths(document: Document) -> list[int]:
    """How long each field is: the facts in terms, the others in phrases."""
    lengths = [0] * len(FACTS)
    for places in document.places.values():
        for number in places:
            if number >= len(FACTS):
                break
            lengths[number] += 1
    return [*lengths, document.own - len(FACTS), len(document.parameters)]
