"""Splits the texts that are searched into terms, many at once, and counts the words as they were written.

A term is the stem of a word, several stems that name a concept together, or a concept (with a ``=`` before it).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from proxmox_mcp.search.text import LINE_END, STOP_WORDS, chunks_by_line, words_of
from proxmox_mcp.search.vocabulary import stem_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proxmox_mcp.search.vocabulary import Vocabulary

    LinesByTerm = Mapping[str, array[int]]
    """For each term the numbers of the lines that have it, in order and each once."""

_ANYTHING = ""
"""The first stem of a chunk that has no words, such as a number: what comes after it may go on with a name."""


class _Chunk(NamedTuple):
    """What is remembered of a chunk: the stems of its words, and their terms (a stop word has none)."""

    stems: tuple[str, ...]
    terms: tuple[str, ...]


class TermReader:
    """Reads texts as terms, and counts their words: typos are corrected to one of them."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._longest = max(map(len, vocabulary.concepts), default=1)
        self._followers = {first: frozenset(n[1] for n in names) for first, names in vocabulary.longer.items()}
        self._times: Counter[str] = Counter()

    def places(self, lines: Iterable[str]) -> LinesByTerm:
        """Where the terms of all lines are; a line has no end of line in it.

        The lines of each chunk are collected first, then its terms are looked up once: of the 72,000 chunks that a
        start reads, 5,000 differ.
        """
        found = [*chunks_by_line(lines), LINE_END]
        by_chunk: dict[str, list[int]] = {}
        number = 0
        for chunk in found:
            if chunk == LINE_END:
                number += 1
            elif chunk in by_chunk:
                by_chunk[chunk].append(number)
            else:
                by_chunk[chunk] = [number]
        self._times.update({chunk: len(numbers) for chunk, numbers in by_chunk.items()})
        known = {chunk: self._chunk(chunk) for chunk in by_chunk}
        places: dict[str, list[int]] = {}
        for chunk, numbers in by_chunk.items():
            for term in known[chunk].terms:
                if term in places:
                    places[term] += numbers
                else:
                    places[term] = numbers.copy()
        self._add_names(places, found, known)
        return {term: array("I", sorted(set(numbers))) for term, numbers in places.items()}

    def known(self) -> Counter[str]:
        """How often each word was read, those of the vocabulary once more."""
        counts = Counter(self._vocabulary.words)
        for chunk, times in self._times.items():
            for word in words_of(chunk):
                counts[word] += times
        return counts

    def _add_names(self, places: dict[str, list[int]], found: Sequence[str], known: Mapping[str, _Chunk]) -> None:
        """Add the terms of several words within a line that name a concept together."""
        ends = [position for position, chunk in enumerate(found) if chunk == LINE_END]
        longer, concepts = self._vocabulary.longer, self._vocabulary.concepts
        for position in self._begins(found, known):
            line = bisect_left(ends, position)
            own = stems = known[found[position]].stems
            for chunk in found[position + 1 : min(position + self._longest, ends[line])]:
                stems += known[chunk].stems
            for start, first in enumerate(own):
                for name in longer.get(first, ()):
                    if stems[start : start + len(name)] == name:
                        for term in (" ".join(name), *concepts[name]):
                            places.setdefault(term, []).append(line)

    def _begins(self, found: Sequence[str], known: Mapping[str, _Chunk]) -> list[int]:
        """Where a name of several words may begin: in a chunk of several, or where what follows goes on with it."""
        longer = self._followers
        followers = {chunk: longer[stems[0]] for chunk, (stems, _) in known.items() if stems and stems[0] in longer}
        several = {
            chunk for chunk, (stems, _) in known.items() if len(stems) > 1 and not longer.keys().isdisjoint(stems)
        }
        first = {chunk: stems[0] if stems else _ANYTHING for chunk, (stems, _) in known.items()}
        begun = followers.keys() | several
        positions = [position for position, chunk in enumerate(found) if chunk in begun]
        return [
            position
            for position in positions
            if (chunk := found[position]) in several
            or (after := first.get(found[position + 1])) in followers[chunk]
            or after == _ANYTHING
        ]

    def _chunk(self, chunk: str) -> _Chunk:
        words = words_of(chunk)
        stems = tuple(map(stem_of, words))
        concepts = self._vocabulary.concepts
        terms = [
            term
            for word, stem in zip(words, stems, strict=True)
            if word not in STOP_WORDS
            for term in (stem, *concepts.get((stem,), ()))
        ]
        return _Chunk(stems, tuple(dict.fromkeys(terms)))
