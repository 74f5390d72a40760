"""The API's own words in a question: the last segments of a path (``rrddata``, ``agent exec``), and parameters."""

from __future__ import annotations

import json
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.search.documents import parameter_names
from proxmox_mcp.search.text import STOP_WORDS, chunks, stem, without_number, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proxmox_mcp.apidoc import Endpoint

_PRODUCT = frozenset({"proxmox", "pve", "api", "api2", "json", "pvesh"})
_OF_PARAMETERS = frozenset({"parameter", "parameters", "option", "argument", "field", "setting"})
_TALK = frozenset({"endpoint", "endpoints", "path", "call", "method", "take", "takes", "accept", "accepts"})
_NOISE = (frozenset[str](), _PRODUCT, _PRODUCT | STOP_WORDS | _TALK | _OF_PARAMETERS)
"""Words that say nothing about which name is meant. More of them are dropped step by step, because some are names
themselves: ``/cluster/notifications/endpoints``, ``/cluster/firewall/groups/{group}/in``."""
_LONGEST = 4
_ALIKE, _TAKER = 0.35, 1.0
"""What is added to the score by its words (0 to about 2) for the path and for the parameter."""
_PLACE, _PLACE_OF_TAKER = 2, 4
"""The places that are kept for them, counted from 0."""
_SCORE = itemgetter(1)


class NamedEndpoints(Struct, frozen=True):
    """What a question names that consists of names only; endpoints are given by their numbers, short paths first.

    ``alike`` are the endpoints whose path ends in these segments or other forms of them (``user`` for ``users``);
    ``spelled`` those that end in just these, ``directories`` those that list only what is below. ``takers`` take
    ``parameter``.
    """

    alike: tuple[int, ...] = ()
    spelled: frozenset[int] = frozenset()
    directories: frozenset[int] = frozenset()
    takers: tuple[int, ...] = ()
    parameter: str = ""

    @property
    def is_something(self) -> bool:
        return bool(self.alike or self.takers)


class ApiNames:
    """The names of an API. ``of`` takes a tenth of a millisecond; the first one reads the names of all parameters."""

    def __init__(self, endpoints: Sequence[Endpoint], directories: frozenset[str]) -> None:
        self._endpoints = endpoints
        self._directories = directories

    def of(self, query: str) -> NamedEndpoints:
        """What a question names; empty if it has other words too."""
        asked = [part for chunk in chunks(query.replace("[n]", "")) for part in chunk.split("/") if part]
        about_parameters = not _OF_PARAMETERS.isdisjoint(asked)
        for noise in _NOISE:
            rest = tuple(word for word in asked if word not in noise)
            if 0 < len(rest) <= _LONGEST and (named := self._named(rest, about_parameters)).is_something:
                return named
        return NamedEndpoints()

    def _named(self, names: tuple[str, ...], about_parameters: bool) -> NamedEndpoints:
        takers, parameter = self._takers(names[0]) if len(names) == 1 else ((), "")
        if about_parameters and takers:
            return NamedEndpoints(takers=takers, parameter=parameter)
        count, stems = len(names), tuple(map(stem, names))
        known = self._known_stems.issuperset(stems)
        ends = ((number, each[-count:]) for number, each in enumerate(self._stems)) if known else ()
        alike = self._short_first(number for number, end in ends if end == stems)
        return NamedEndpoints(
            alike,
            frozenset(number for number in alike if self._segments[number][-count:] == names),
            frozenset(filter(self._is_directory, alike)),
            takers,
            parameter,
        )

    def _is_directory(self, number: int) -> bool:
        endpoint = self._endpoints[number]
        return endpoint.method == "GET" and endpoint.path in self._directories

    def _short_first(self, numbers: Iterable[int]) -> tuple[int, ...]:
        return tuple(sorted(numbers, key=lambda number: (self._endpoints[number].path.count("/"), number)))

    def _takers(self, name: str) -> tuple[tuple[int, ...], str]:
        """The endpoints that take a parameter, and how they spell it: ``net0`` is ``net[n]``."""
        for each in (name, without_number(name)):
            if (found := self._parameters.get(_key(each))) is not None:
                return found
        return (), ""

    @cached_property
    def _segments(self) -> Sequence[tuple[str, ...]]:
        """The fixed segments of each path."""
        return [tuple(s for s in e.path.split("/") if s and not s.startswith("{")) for e in self._endpoints]

    @cached_property
    def _stems(self) -> Sequence[tuple[str, ...]]:
        return [tuple(map(stem, segments)) for segments in self._segments]

    @cached_property
    def _known_stems(self) -> frozenset[str]:
        return frozenset(each for stems in self._stems for each in stems)

    @cached_property
    def _parameters(self) -> Mapping[str, tuple[tuple[int, ...], str]]:
        numbers: dict[str, set[int]] = {}
        spelling: dict[str, str] = {}
        for number, endpoint in enumerate(self._endpoints):
            for name in parameter_names(json.loads(endpoint.facts)["parameters"]):
                if name not in endpoint.path_parameters:
                    numbers.setdefault(_key(name), set()).add(number)
                    spelling.setdefault(_key(name), name)
        return {key: (self._short_first(found), spelling[key]) for key, found in numbers.items()}


def arranged(scores: Mapping[int, float], named: NamedEndpoints) -> list[tuple[int, float]]:
    """The endpoints with their scores, best first, after those that were named got their bonus.

    ``scores`` are those by the meaning of the words, which may be none: ``all`` is a stop word. A word such as
    ``resources`` means more than its endpoint, and ``pool`` more than a parameter: the best of each kind keeps a place
    among the first all the same.
    """
    bonus = dict.fromkeys(named.takers, 0.0 if named.alike else _TAKER)
    bonus |= {number: 0.0 if number in named.directories else _ALIKE for number in named.alike}
    total = {number: scores.get(number, 0.0) + bonus.get(number, 0.0) for number in (*scores, *bonus)}
    order = sorted(total.items(), key=_SCORE, reverse=True)
    for wanted, last in ((named.alike, _PLACE), (named.spelled, _PLACE), (named.takers, _PLACE_OF_TAKER)):
        place = next((place for place, (number, _) in enumerate(order) if number in wanted), 0)
        if place > last:
            order.insert(last, order.pop(place))
    return order


def named_in(query: str, names: Iterable[str]) -> list[str]:
    """The parameters among ``names`` whose words are all in a question, in the order of the question."""
    places: dict[str, int] = {}
    for place, word in enumerate(words(query)):
        for form in (word, without_number(word)):
            places.setdefault(stem(form), place)
    found: list[tuple[int, str]] = []
    for name in names:
        of_name = [stem(part) for part in _key(name).split("-")]
        own = [places[part] for part in of_name if part in places]
        if own and len(own) == len(of_name):
            found.append((own[0], name))
    return [name for _, name in sorted(found, key=lambda each: each[0])]


def _key(name: str) -> str:
    """A name as it is compared: ``max_restart`` is written ``max-restart`` elsewhere."""
    return name.lower().removesuffix("[n]").replace("_", "-")
