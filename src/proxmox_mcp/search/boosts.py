"""Factors for an endpoint besides its words: the verb of the question, the kind of guest, the scope."""

# Tested through tests/search/test_searcher.py.

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.search.vocabulary import Unit, Vocabulary

_KINDS = ("vm", "container")
_SCOPES = ("node", "cluster")
_REMEMBERED = 256


class HintWeights(Struct, frozen=True, kw_only=True):
    """The share of a score that is lost where an endpoint contradicts a hint."""

    method: float = 0.2
    kind: float = 0.3
    scope: float = 0.15
    directory: float = 0.25


class Hints(NamedTuple):
    """What a question hints at: methods, the most likely first; kinds of guests; scopes. Empty: no hint."""

    methods: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()


def hints_of(stems: Sequence[str], units: Sequence[Unit], vocabulary: Vocabulary) -> Hints:
    """The hints of a question given as stems and units; the first verb counts."""
    verbs = vocabulary.verbs(stems)
    concepts = {name for unit in units for name in unit.concepts}
    return Hints(
        verbs[0] if verbs else (),
        frozenset(kind for kind in _KINDS if "=" + kind in concepts),
        frozenset(scope for scope in _SCOPES if "=" + scope in concepts),
    )


class Factors:
    """The factor of each endpoint's score for the hints of a question.

    ``others`` documents after those of the endpoints are left as they are.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], directories: frozenset[str], others: int, weights: HintWeights
    ) -> None:
        self._weights = weights
        self._others = [1.0] * others
        of_each = [_traits(endpoint, directories) for endpoint in endpoints]
        self._traits = list(dict.fromkeys(of_each))
        self._of_each = [self._traits.index(traits) for traits in of_each]
        self._made: dict[Hints, array[float]] = {}

    def of(self, hints: Hints) -> Sequence[float]:
        made = self._made.get(hints)
        if made is None:
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            factors = [self._factor(traits, hints) for traits in self._traits]
            made = self._made[hints] = array("f", [factors[number] for number in self._of_each] + self._others)
        return made

    def _factor(self, traits: _Traits, hints: Hints) -> float:
        w = self._weights
        factor = 1 - w.directory if traits.directory else 1.0
        if hints.methods and traits.method != hints.methods[0]:
            factor *= 1 - (w.method / 2 if traits.method in hints.methods else w.method)
        if len(hints.kinds) == 1 and traits.kind and traits.kind not in hints.kinds:
            factor *= 1 - w.kind
        if hints.kinds:
            if not traits.kind:
                factor *= 1 - w.scope
        elif hints.scopes and traits.scope not in hints.scopes:
            factor *= 1 - w.scope
        return factor


class _Traits(NamedTuple):
    """``kind`` of guest (or nothing), ``scope`` (guest, node or cluster), ``directory``: lists only what is below."""

    method: str
    kind: str
    scope: str
    directory: bool


def _traits(endpoint: Endpoint, directories: frozenset[str]) -> _Traits:
    directory = endpoint.method == "GET" and endpoint.path in directories
    match endpoint.path.split("/", 4):
        case ["", "nodes", "{node}", "qemu" | "lxc" as kind, *_]:
            return _Traits(endpoint.method, "vm" if kind == "qemu" else "container", "guest", directory)
        case ["", "nodes", *_]:
            return _Traits(endpoint.method, "", "node", directory)
    return _Traits(endpoint.method, "", "cluster", directory)


def directories_of(endpoints: Sequence[Endpoint]) -> frozenset[str]:
    """Paths whose GET only lists what is below: everything below has a fixed name, and an entry is such a name."""
    below: dict[str, list[str]] = {}
    for path in {endpoint.path for endpoint in endpoints}:
        parent, _, last = path.rpartition("/")
        below.setdefault(parent, []).append(last)
    found = set()
    for endpoint in endpoints:
        children = below.get(endpoint.path)
        if endpoint.method == "GET" and children and not any(child.startswith("{") for child in children):
            items = endpoint.returns.items
            if endpoint.returns.type == "array" and len((items and items.properties) or ()) <= 1:
                found.add(endpoint.path)
    return frozenset(found)
