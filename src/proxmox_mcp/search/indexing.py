"""Splits the texts that are searched into terms, many at once, and counts the words as they were written.

A term is the stem of a word, several stems that name a concept together, or a concept (with a ``=`` before it).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxmox_mcp.search.text import LINE_END, STOP_WORDS, chunks_by_line, words_of
from proxmox_mcp.search.vocabulary import stem_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from proxmox_mcp.search.vocabulary import Vocabulary

LinesByTerm = dict[str, list[int]]
"""For each term the numbers of the lines that have it, in order and each once."""

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Word:
    """What is remembered of a word: its stem, its terms (none for a stop word), what follows it in longer names."""

    stem: str
    terms: tuple[str, ...]
    followers: frozenset[str]


class TermReader:
    """Reads texts as terms, and remembers their words: typos are corrected to one of them."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._followers = {first: frozenset(n[1] for n in names) for first, names in vocabulary.longer.items()}
        self._read: list[str] = []
        self._chunks: dict[str, tuple[_Word, ...]] = {}

    def places(self, lines: Iterable[str]) -> LinesByTerm:
        """Where the terms of several lines are; a line has no end of line in it."""
        found = [*chunks_by_line(lines), LINE_END]
        self._read += found
        known, places = self._chunks, LinesByTerm()
        line: list[str] = []
        number, has_names, followers = 0, False, _NOTHING
        for chunk in found:
            if chunk == LINE_END:
                if has_names:
                    self._add_names(places, line, number)
                number, line, has_names, followers = number + 1, [], False, _NOTHING
                continue
            for word in known[chunk] if chunk in known else self._remembered(chunk):
                stem = word.stem
                if stem in followers:
                    has_names = True
                followers = word.followers
                line.append(stem)
                for term in word.terms:
                    if term not in places:
                        places[term] = [number]
                    elif (numbers := places[term])[-1] != number:
                        numbers.append(number)
        return places

    def known(self) -> Counter[str]:
        """How often each word was read, those of the vocabulary once more."""
        counts = Counter(self._vocabulary.words)
        read = Counter(self._read)
        del read[LINE_END]
        for chunk, times in read.items():
            for word in words_of(chunk):
                counts[word] += times
        return counts

    def _add_names(self, places: LinesByTerm, line: Sequence[str], number: int) -> None:
        for position in range(len(line) - 1):
            for name in self._vocabulary.names_at(line, position):
                for term in self._vocabulary.unit(name).terms:
                    numbers = places.setdefault(term, [number])
                    if numbers[-1] != number:
                        numbers.append(number)

    def _remembered(self, chunk: str) -> tuple[_Word, ...]:
        found = self._chunks[chunk] = tuple(map(self._word, words_of(chunk)))
        return found

    def _word(self, word: str) -> _Word:
        stem = stem_of(word)
        terms = () if word in STOP_WORDS else self._vocabulary.unit((stem,)).terms
        return _Word(stem, terms, self._followers.get(stem, _NOTHING))
