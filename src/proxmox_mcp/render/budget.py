"""The size limits of a response: an estimate of its tokens, and a hard limit on its characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.render.tokens import token_cost

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_TOKENS = 4_000
"""The default of ``MCP_RESULT_TOKENS``."""

LEAST_TOKENS = 400
"""Enough for a heading, a line or two, and the cursor of the next page."""

MOST_CHARACTERS = 39_000
"""Gemini CLI (0.61) cuts a text over 40,000 characters to its first 8,000 and last 32,000. The rest is for wrapping."""

_LINE_WIDTH = 400
_TOKENS_PER_CHARACTER = 4
"""The worst case (rare scripts)."""


class Budget(Struct, frozen=True):
    """The limits of one response. Lines longer than ``line_width`` are folded."""

    tokens: float = DEFAULT_TOKENS
    characters: int = MOST_CHARACTERS
    line_width: int = _LINE_WIDTH

    @classmethod
    def of(cls, tokens: int) -> Budget:
        """A budget of ``tokens``, or of ``LEAST_TOKENS`` if that is more."""
        least = max(LEAST_TOKENS, tokens)
        return cls(least, line_width=min(_LINE_WIDTH, least // (4 * _TOKENS_PER_CHARACTER)))

    def fits(self, text: str) -> bool:
        """Whether the text is within the budget."""
        return len(text) <= self.characters and token_cost(text) <= self.tokens

    def less(self, text: str) -> Budget:
        """The budget that remains after ``text``."""
        return replace(
            self,
            tokens=max(0, self.tokens - token_cost(text) - 1),
            characters=max(0, self.characters - len(text) - 1),
        )

    def share(self, parts: int) -> Budget:
        """One of ``parts`` equal parts."""
        return replace(self, tokens=self.tokens / parts, characters=self.characters // parts)

    def how_many(self, lines: Iterable[str]) -> int:
        """How many of the first ``lines`` fit; reads no more of the iterable than needed."""
        tokens, characters, count = 0.0, 0, 0
        for line in lines:
            tokens += token_cost(line) + 1
            characters += len(line) + 1
            if tokens > self.tokens or characters > self.characters:
                break
            count += 1
        return count
