"""Texts and logs: whole if they fit, else the beginning and the end; ``cursor`` pages through all lines."""

# Tested through tests/render/test_render.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.render.cells import line_text
from proxmox_mcp.render.view import Cursor, View, digest, page_footer, page_start
from proxmox_mcp.untrusted import QUOTE, is_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.render.budget import Budget

_FOLDED = "↳"
_HEAD_SHARE = 4
"""The beginning gets a quarter of the budget: the error is usually at the end of a log."""

_GAP_TOKENS = 60
"""Tokens for the line that counts what is left out, or gives the next cursor."""


def lines_body(
    lines: Sequence[str],
    view: View,
    budget: Budget,
    *,
    ours: bool = False,
    overview: bool = True,
    suffix: str = "",
) -> str:
    """Lines within a budget. ``ours``: the server wrote them; else each line is quoted, unless all are tokens.

    ``overview``: without ``limit`` and ``cursor`` show the beginning and the end; otherwise show a page.
    ``suffix`` is appended to the last line (``of 812, 12 match``).
    """
    if not any(lines):
        return "(an empty text)"
    quote = "" if ours or all(map(is_token, lines)) else QUOTE
    folded = [quote + part for line in lines for part in fold(line_text(line), budget.line_width)]
    whole = "\n".join(folded)
    if not view.pages and budget.fits(whole):
        last = page_footer(0, len(folded), len(folded), "", "lines", suffix) if suffix else ""
        return "\n".join(filter(None, (whole, last)))
    room = budget.less("x " * _GAP_TOKENS)
    if view.pages or not overview:
        return _page(folded, view, room, suffix)
    return _head_and_tail(folded, room)


def fold(line: str, width: int) -> list[str]:
    """A line in parts of at most ``width`` characters; all but the first get a continuation mark."""
    if len(line) <= width:
        return [line]
    return [(_FOLDED if start else "") + line[start : start + width] for start in range(0, len(line), width)]


def _page(folded: list[str], view: View, room: Budget, suffix: str) -> str:
    start, note = page_start(view, folded)
    end = len(folded) if view.limit is None else min(len(folded), start + view.limit)
    end = start + max(1, room.how_many(folded[start:end]))
    text = "\n".join(folded[start:end])
    return "\n".join(filter(None, (text, page_footer(start, end, len(folded), digest(folded), "lines", suffix), note)))


def _head_and_tail(folded: list[str], room: Budget) -> str:
    head = max(1, room.share(_HEAD_SHARE).how_many(folded[: len(folded) // 2]))
    beginning = "\n".join(folded[:head])
    tail = max(1, room.less(beginning).how_many(folded[: head - 1 : -1]))
    end = "\n".join(folded[-tail:])
    missing = len(folded) - head - tail
    gap = f"[lines {head + 1}-{head + missing} of {len(folded)} left out: cursor={Cursor(head, digest(folded))}]"
    return "\n".join((beginning, gap, end))
