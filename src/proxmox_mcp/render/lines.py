"""Texts and logs: whole where they fit, else their beginning and their end, and every line by ``cursor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.render.cells import line_text
from proxmox_mcp.render.view import Cursor, View, closing, digest, start_of
from proxmox_mcp.untrusted import QUOTE, is_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.render.budget import Budget

_FOLDED = "↳"
_HEAD_SHARE = 4
"""The beginning gets a quarter of the room: what went wrong stands at the end of a log."""

_GAP_TOKENS = 60
"""Room for the line that says what is missing, or where the next page starts."""


def lines_body(
    lines: Sequence[str],
    view: View,
    budget: Budget,
    *,
    ours: bool = False,
    overview: bool = True,
    suffix: str = "",
) -> str:
    """Lines within a budget. ``ours``: we wrote them; else each is quoted, unless all of them are tokens.

    Without ``limit`` and ``cursor`` an ``overview`` is the beginning and the end; else, and for lists, a page.
    ``suffix`` ends the closing line (``of 812, 12 match``).
    """
    if not any(lines):
        return "(an empty text)"
    quote = "" if ours or all(map(is_token, lines)) else QUOTE
    folded = [quote + part for line in lines for part in fold(line_text(line), budget.line_width)]
    whole = "\n".join(folded)
    if not view.pages and budget.fits(whole):
        last = closing(0, len(folded), len(folded), "", "lines", suffix) if suffix else ""
        return "\n".join(filter(None, (whole, last)))
    room = budget.less("x " * _GAP_TOKENS)
    if view.pages or not overview:
        return _page(folded, view, room, suffix)
    return _head_and_tail(folded, room)


def fold(line: str, width: int) -> list[str]:
    """A line in parts of at most ``width`` characters, all but the first marked as going on."""
    if len(line) <= width:
        return [line]
    return [(_FOLDED if start else "") + line[start : start + width] for start in range(0, len(line), width)]


def _page(folded: list[str], view: View, room: Budget, suffix: str) -> str:
    start, note = start_of(view, folded)
    end = len(folded) if view.limit is None else min(len(folded), start + view.limit)
    end = start + max(1, room.how_many(folded[start:end]))
    text = "\n".join(folded[start:end])
    return "\n".join(filter(None, (text, closing(start, end, len(folded), digest(folded), "lines", suffix), note)))


def _head_and_tail(folded: list[str], room: Budget) -> str:
    head = max(1, room.share(_HEAD_SHARE).how_many(folded[: len(folded) // 2]))
    beginning = "\n".join(folded[:head])
    tail = max(1, room.less(beginning).how_many(folded[: head - 1 : -1]))
    end = "\n".join(folded[-tail:])
    missing = len(folded) - head - tail
    gap = f"[lines {head + 1}-{head + missing} of {len(folded)} left out: cursor={Cursor(head, digest(folded))}]"
    return "\n".join((beginning, gap, end))
