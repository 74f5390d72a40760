"""The phrases of one endpoint, and how near a question is to the nearest of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from proxmox_mcp.search.documents import Phrase
    from proxmox_mcp.search.vocabulary import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearness:
    """How phrases are compared.

    ``closeness`` is how far the length of the phrase counts against that of the question, ``second`` what the next
    phrase adds, ``parameter`` how near, beside the nearest, the phrase of a parameter must be for that to be meant.
    """

    closeness: float = 0.5
    second: float = 0.3
    parameter: float = 0.7


class PhraseIndex:
    """The phrases of one endpoint by the terms that occur in them."""

    __slots__ = ("_lengths", "_parameters", "_phrases")

    def __init__(self, phrases: Sequence[Phrase], weight: Callable[[Unit], float]) -> None:
        places: dict[str, list[int]] = {}
        for number, phrase in enumerate(phrases):
            terms = {unit.stem for unit in phrase.units}
            for unit in phrase.units:
                terms.update(unit.concepts)
            for term in terms:
                places.setdefault(term, []).append(number)
        self._phrases = {term: tuple(numbers) for term, numbers in places.items()}
        self._lengths = tuple(sum(map(weight, phrase.units)) for phrase in phrases)
        self._parameters = tuple(phrase.parameter for phrase in phrases)

    def nearest(self, asked: Iterable[tuple[str, float]], total: float, how: Nearness) -> tuple[float, str]:
        """How much the nearest phrase and the question have in common, as a share of both; its parameter.

        ``asked`` are the terms of the question, each with what it is worth that a phrase has it; ``total`` is what
        the whole question is worth.
        """
        common: dict[int, float] = {}
        places, so_far = self._phrases.get, common.get
        for term, worth in asked:
            for number in places(term, ()):
                common[number] = so_far(number, 0.0) + worth
        best, next_best, best_of_parameter, parameter = 0.0, 0.0, 0.0, ""
        rest = (1 - how.closeness) * total
        for number, shared in common.items():
            value = shared / (how.closeness * self._lengths[number] + rest)
            if value > best:
                best, next_best = value, best
            elif value > next_best:
                next_best = value
            if value > best_of_parameter and (name := self._parameters[number]):
                best_of_parameter, parameter = value, name
        meant = parameter if best_of_parameter >= how.parameter * best else ""
        return min(1.0, best) + how.second * min(1.0, next_best), meant
