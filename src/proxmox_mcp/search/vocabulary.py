"""What words mean: stems, the concepts that they name, and the methods that verbs ask for.

The concepts come from ``apidoc/words.txt``; the top of that file describes its format.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, field

from proxmox_mcp.apidoc import METHODS
from proxmox_mcp.errors import ApidocFormatError
from proxmox_mcp.search.text import STOP_WORDS, singular, stem, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_LINE = re.compile(r"([a-z][a-z ]*?)\s*(?:\[([A-Z ]+)\])?:\s*(\S.*)")


class Unit(NamedTuple):
    """One word, or several that name one concept, as it is compared: its stem, its concepts (each with a ``=``)."""

    stem: str
    concepts: tuple[str, ...] = ()

    @property
    def terms(self) -> tuple[str, ...]:
        """All terms that match it."""
        return (self.stem, *self.concepts)


class Vocabulary(Struct, frozen=True):
    """Concepts by the stems that name them (``("two", "factor")``), and the methods of the concepts that are verbs."""

    concepts: Mapping[tuple[str, ...], tuple[str, ...]]
    methods: Mapping[str, tuple[str, ...]]
    words: frozenset[str] = frozenset()
    longer: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        concepts: Mapping[tuple[str, ...], tuple[str, ...]],
        methods: Mapping[str, tuple[str, ...]],
        words: Iterable[str],
    ) -> Vocabulary:
        """From the concepts: names of several stems are also kept by their first (``longer``)."""
        longer: dict[str, list[tuple[str, ...]]] = {}
        for name in concepts:
            if len(name) > 1:
                longer.setdefault(name[0], []).append(name)
        return cls(concepts, methods, frozenset(words), {first: tuple(names) for first, names in longer.items()})

    def unit(self, name: tuple[str, ...]) -> Unit:
        """The unit of one stem or of a longer name."""
        return Unit(" ".join(name), self.concepts.get(name, ()))

    def units(self, stems: Sequence[str]) -> list[Unit]:
        """The units of a text given as stems; stop words only count as a part of a longer name."""
        found: list[Unit] = []
        for position, first in enumerate(stems):
            found += map(self.unit, self.names_at(stems, position))
            if first not in STOP_WORDS:
                found.append(self.unit((first,)))
        return found

    def names_at(self, stems: Sequence[str], position: int) -> list[tuple[str, ...]]:
        """The names of several words that begin at a position."""
        begun = self.longer.get(stems[position], ())
        return [name for name in begun if tuple(stems[position : position + len(name)]) == name]

    def verbs(self, stems: Sequence[str]) -> list[tuple[str, ...]]:
        """The methods that each verb of a text asks for, in the order of the text."""
        found: list[tuple[str, ...]] = []
        position = 0
        while position < len(stems):
            name = self._longest(stems, position)
            methods = [self.methods[c] for c in self.concepts.get(name, ()) if c in self.methods]
            if methods:
                found.append(tuple(dict.fromkeys(m for group in methods for m in group)))
            position += len(name)
        return found

    def _longest(self, stems: Sequence[str], position: int) -> tuple[str, ...]:
        return max(self.names_at(stems, position), key=len, default=(stems[position],))


def stem_of(word: str) -> str:
    """The stem of a word; stop words stay as they are, so that longer names can be found.

    A word that only its ending makes like one (``note``, ``themes``) keeps its last -e, or it would be lost.
    """
    if word in STOP_WORDS:
        return word
    found = stem(word)
    if found in STOP_WORDS and (one := singular(word)) not in STOP_WORDS:
        return one
    return found


def stems_of(text: str) -> list[str]:
    """The stems of a text, stop words as they are."""
    return [stem_of(word) for word in words(text)]


def load_vocabulary(path: Path) -> Vocabulary:
    """Read ``words.txt``; a line that can't be read raises ApidocFormatError with its number."""
    concepts: dict[tuple[str, ...], tuple[str, ...]] = {}
    methods: dict[str, tuple[str, ...]] = {}
    written: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        wanted = tuple((match[2] or "").split()) if match else ()
        if match is None or set(wanted) - set(METHODS):
            raise ApidocFormatError(f"{path.name}, line {number}: neither 'concept: word' nor 'concept [METHOD]: word'")
        if wanted:
            methods["=" + match[1]] = wanted
        for name in match[3].split(","):
            written.update(words(name))
            key = tuple(stems_of(name))
            if not key:
                raise ApidocFormatError(f"{path.name}, line {number}: {name.strip()!r} has no word in it")
            concept = "=" + match[1]
            if concept not in concepts.get(key, ()):
                concepts[key] = (*concepts.get(key, ()), concept)
    return Vocabulary.of(concepts, methods, written)
