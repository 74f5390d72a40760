"""The phrases of one endpoint, and how similar a question is to the most similar of them."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxmox_mcp.search.documents import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxmox_mcp.search.documents import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseWeights:
    """How phrases are compared.

    ``closeness`` is how much the length of the phrase counts against that of the question, ``second`` what the second
    best phrase adds, ``parameter`` the share of the best score from which the phrase of a parameter selects it.
    """

    closeness: float = 0.5
    second: float = 0.3
    parameter: float = 0.7


class PhraseIndex:
    """The phrases of one endpoint. Lines with facts get an infinite length, so that they never match."""

    __slots__ = ("_document", "_lengths")

    def __init__(self, document: Document, rarity: Mapping[str, float]) -> None:
        lengths = [0.0] * document.lines
        for term, numbers in document.places.items():
            if term[0] != "=":
                worth = rarity[term]
                for number in numbers:
                    lengths[number] += worth
        lengths[: len(FACTS)] = (math.inf for _ in FACTS)
        self._document = document
        self._lengths = array("f", lengths)

    def nearest(self, asked: Iterable[tuple[str, float]], total: float, how: PhraseWeights) -> tuple[float, str]:
        """How much the most similar phrase and the question have in common, as a share of both; its parameter.

        ``asked`` are the terms of the question with their weights, ``total`` is the weight of the whole question.
        """
        common: dict[int, float] = {}
        places, so_far = self._document.places.get, common.get
        for term, worth in asked:
            for number in places(term, ()):
                common[number] = so_far(number, 0.0) + worth
        best, next_best, best_of_parameter, parameter = 0.0, 0.0, 0.0, ""
        own, rest = self._document.own, (1 - how.closeness) * total
        for number, shared in common.items():
            value = shared / (how.closeness * self._lengths[number] + rest)
            if value > best:
                best, next_best = value, best
            elif value > next_best:
                next_best = value
            if number >= own and value > best_of_parameter:
                best_of_parameter, parameter = value, self._document.parameters[number - own]
        meant = parameter if best_of_parameter >= how.parameter * best else ""
        return min(1.0, best) + how.second * min(1.0, next_best), meant
