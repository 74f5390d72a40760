"""Unknown words of a question: corrected to a known word, or cut into two of them; else left as they are.

Words with digits and short ones are names more often than they are mistakes: they are never touched.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from proxmox_mcp.search.text import STOP_WORDS
from proxmox_mcp.suggest import edits

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHORTEST = 4
_SHORTEST_FOR_TWO = 7
_SHORTEST_PART = 3
_REMEMBERED = 4096
_LINKS = ("", "s", "en", "n")


class Corrector:
    """Corrects single words; ``known`` says how often each known word occurs."""

    def __init__(self, known: Mapping[str, int]) -> None:
        self._known = known
        self._done: dict[str, tuple[str, ...]] = {}

    def knows(self, word: str) -> bool:
        return word in self._known

    def correct(self, word: str) -> tuple[str, ...]:
        """The known words meant by a word: itself where it is known, or where no known word is similar."""
        if word in self._known or word in STOP_WORDS or len(word) < _SHORTEST or not word.isalpha():
            return (word,)
        done = self._done.get(word)
        if done is None:
            if len(self._done) >= _REMEMBERED:
                self._done.clear()
            done = self._done[word] = self._corrected(word)
        return done

    def _corrected(self, word: str) -> tuple[str, ...]:
        if near := self._nearest(word, 1):
            return (near,)
        if parts := self._parts(word):
            return parts
        if len(word) >= _SHORTEST_FOR_TWO and (near := self._nearest(word, 2)):
            return (near,)
        return (word,)

    def _nearest(self, word: str, limit: int) -> str:
        """The commonest known word within ``limit`` edits; the first letter is right, or swapped with the second."""
        best, best_rank = "", (limit + 1, 0)
        letters = _letters(word)
        for start in {word[0], word[1]}:
            for candidate, of_candidate in self._by_start.get(start, ()):
                if (letters ^ of_candidate).bit_count() <= 2 * limit and abs(len(candidate) - len(word)) <= limit:
                    distance = edits(word, candidate, limit)
                    rank = (distance, -self._known[candidate])
                    if distance <= limit and rank < best_rank:
                        best, best_rank = candidate, rank
        return best

    @cached_property
    def _by_start(self) -> Mapping[str, list[tuple[str, int]]]:
        """The known words by their first letter, each with its letters: the first unknown word needs them."""
        found: dict[str, list[tuple[str, int]]] = {}
        for word in self._known:
            if word.isalpha() and len(word) >= _SHORTEST:
                found.setdefault(word[0], []).append((word, _letters(word)))
        return found

    def _parts(self, word: str) -> tuple[str, ...]:
        """Two known words that make up the word, as in German compounds; the longest first part wins."""
        for cut in range(len(word) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
            rest = word[cut:]
            if rest not in self._known:
                continue
            for link in _LINKS:
                first = word[: cut - len(link)] if word[:cut].endswith(link) else ""
                if len(first) >= _SHORTEST_PART and first in self._known and len(first) + len(rest) >= 2 * _SHORTEST:
                    return first, rest
        return ()


def _letters(word: str) -> int:
    """The set of the letters of a word as bits: an edit changes two of them at most."""
    letters = 0
    for code in word.encode("ascii", "replace"):
        letters |= 1 << (code & 31)
    return letters
