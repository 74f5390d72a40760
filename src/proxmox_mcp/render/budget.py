"""What an answer may cost: tokens by estimate, and characters without exception."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from proxmox_mcp.render.tokens import weigh

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_TOKENS = 4_000
"""``MCP_RESULT_TOKENS`` where it is unset."""

LEAST_TOKENS = 400
"""The least that makes sense: a heading, a line or two, and the way to the next page."""

MOST_CHARACTERS = 39_000
"""Gemini CLI cuts the middle out of a text over 40,000 characters; the rest is room for what surrounds a result."""

_LINE_WIDTH = 400
_TOKENS_PER_CHARACTER = 4
"""At the very worst (rare scripts)."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one answer may cost. ``line_width`` is where long lines are folded."""

    tokens: float = DEFAULT_TOKENS
    characters: int = MOST_CHARACTERS
    line_width: int = _LINE_WIDTH

    @classmethod
    def of(cls, tokens: int) -> Budget:
        """A budget of so many tokens (at least ``LEAST_TOKENS``)."""
        least = max(LEAST_TOKENS, tokens)
        return cls(least, line_width=min(_LINE_WIDTH, least // (4 * _TOKENS_PER_CHARACTER)))

    def fits(self, text: str) -> bool:
        """Whether a text is within the budget."""
        return len(text) <= self.characters and weigh(text) <= self.tokens

    def less(self, text: str) -> Budget:
        """What is left beside ``text``."""
        return replace(
            self,
            tokens=max(0, self.tokens - weigh(text) - 1),
            characters=max(0, self.characters - len(text) - 1),
        )

    def share(self, parts: int) -> Budget:
        """One of ``parts`` equal parts."""
        return replace(self, tokens=self.tokens / parts, characters=self.characters // parts)

    def how_many(self, lines: Iterable[str]) -> int:
        """How many of the first ``lines`` fit; no more are taken from the iterable than needed."""
        tokens, characters, count = 0.0, 0, 0
        for line in lines:
            tokens += weigh(line) + 1
            characters += len(line) + 1
            if tokens > self.tokens or characters > self.characters:
                break
            count += 1
        return count
