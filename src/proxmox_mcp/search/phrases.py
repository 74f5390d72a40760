"""The phrases of one endpoint, and how near a question is to the nearest of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxmox_mcp.search.documents import Phrase
    from proxmox_mcp.search.vocabulary import Unit


@dataclass(frozen=True, slots=True)
class AskedUnit:
    """A unit of a question: its word, the terms of its concepts, how telling the word is and how telling those are."""

    stem: str
    concepts: tuple[str, ...]
    weight: float
    shared: float


class PhraseIndex:
    """The phrases of one endpoint by the terms that occur in them; concepts are terms that start with ``=``."""

    __slots__ = ("_lengths", "_parameters", "_phrases")

    def __init__(self, phrases: Sequence[Phrase], weight: Callable[[Unit], float]) -> None:
        places: dict[str, list[int]] = {}
        for number, phrase in enumerate(phrases):
            for term in {term for unit in phrase.units for term in (unit.stem, *unit.concepts)}:
                places.setdefault(term, []).append(number)
        self._phrases = {term: tuple(numbers) for term, numbers in places.items()}
        self._lengths = tuple(sum(map(weight, phrase.units)) for phrase in phrases)
        self._parameters = tuple(phrase.parameter for phrase in phrases)

    def nearest(self, asked: Sequence[AskedUnit], total: float, closeness: float, second: float, of_parameter: float) -> tuple[float, str]:
        """How much the nearest phrase and the question have in common, as a share of both; its parameter.

        ``total`` is the weight of the question; ``closeness`` is how much of a share counts against the phrase's
        length, ``second`` what the next phrase adds, ``of_parameter`` what a parameter's phrase counts.
        """
        common: dict[int, float] = {}
        places = self._phrases.get
        for unit in asked:
            same = places(unit.stem, ())
            for number in same:
                common[number] = common.get(number, 0.0) + unit.weight
            near: set[int] | None = None
            for term in unit.concepts:
                if found := places(term):
                    near = near | set(found) if near else set(found)
            if near:
                for number in near.difference(same):
                    common[number] = common.get(number, 0.0) + unit.shared
        best, next_best, parameter = 0.0, 0.0, ""
        rest = (1 - closeness) * total
        for number, shared in common.items():
            value = shared / (closeness * self._lengths[number] + rest)
            if name := self._parameters[number]:
                value *= of_parameter
            if value > best:
                best, next_best, parameter = value, best, name
            elif value > next_best:
                next_best = value
        return min(1.0, best) + second * min(1.0, next_best), parameter
