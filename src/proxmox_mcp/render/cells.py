"""Values as single cells of a table: short, on one line, and unambiguous.

A cell ends at a blank, and what is no plain token (``foreign.is_token``) is a JSON string. Single blanks between cells
cost a model the least: cl100k counts 1,293 tokens for a list of 50 guests, 1,407 with commas, 1,437 with tabs, 1,557
with bars, 1,702 with two blanks.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from proxmox_mcp.untrusted import clean, escaped, is_token

if TYPE_CHECKING:
    from collections.abc import Callable

EMPTY = "-"

CUT = "…+"

LONGEST_CELL = 400
"""Characters of one cell while there are several records; a record alone is shown whole."""

Terms: TypeAlias = "Callable[[str], bool]"
"""``terms(field)``: whether a field holds Proxmox's own terms (a closed vocabulary, property strings)."""


def no_terms(_field: str) -> bool:
    """Nothing is known of any field."""
    return False


def compact_json(value: Any) -> str:
    """JSON without blanks, in one line, its text as it is (escapes only where a line would break)."""
    return escaped(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))


def cut(text: str, longest: int) -> str:
    """A text, or its beginning and the count of what is cut off."""
    return text if len(text) <= longest else f"{text[:longest]}{CUT}{len(text) - longest}"


def text_cell(text: str, *, term: bool = False) -> str:
    """A text as a cell: bare where it is a token, else a JSON string. ``term``: its field holds Proxmox's terms."""
    if is_token(text, term=term):
        return text
    return compact_json(text) if text else EMPTY


def line_text(text: str) -> str:
    """A line of a text or log: as it is but for tabs, without terminal colours and what else does not show."""
    return "\t".join(map(escaped, clean(text).split("\t")))
