"""Pages of tables: as many lines as the budget and ``limit`` allow, and the cursor of the next page."""

# Tested through tests/render/test_render.py and tests/render/test_resources.py.

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.render.cells import CUT, LONGEST_CELL
from proxmox_mcp.render.tokens import token_cost
from proxmox_mcp.render.view import digest, page_footer, page_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.render.budget import Budget
    from proxmox_mcp.render.table import Table
    from proxmox_mcp.render.view import View

    Record = Mapping[str, Any]

_NARROWER_CELLS = (LONGEST_CELL, 100, 25, 10)
_FEWER_COLUMNS = (16, 8, 4, 2, 1)
_CELLS_CUT = f"({CUT} counts what is cut from a cell{{}})"
_COLUMNS_LEFT_OUT = "; columns left out, name them in fields="
_ROOM_FOR_CLOSING = 80

Redact: TypeAlias = Callable[[Any], Any]
"""Takes the secrets out of a value."""


def as_it_is(value: Any) -> Any:
    """The ``Redact`` of what may be shown whole."""
    return value


class TableSection(Struct, frozen=True):
    """Records under one heading (may be empty); sections with the same table share its header.

    Secrets are taken out of the records on the page alone, which are few of many.
    """

    table: Table
    records: Sequence[Record]
    heading: str = ""
    redact: Redact = as_it_is


def page_of_sections(
    sections_for: Callable[[int], Sequence[TableSection]],
    view: View,
    budget: Budget,
    *,
    what: str = "rows",
    suffix: str = "",
    uncut: str = "",
) -> str:
    """One page over all sections.

    ``what`` names the records, ``suffix`` is appended to the last line, ``uncut`` says how to see a cell in full.
    ``sections_for`` makes the sections for a maximum cell length: if not even one line fits, cells are cut shorter,
    then columns are left out, and the last line says so. Raises ViewError for a cursor beyond the end.
    """
    for longest_cell in _NARROWER_CELLS:
        sections = sections_for(longest_cell)
        if (text := _page(sections, view, budget, what, suffix, uncut)) is not None:
            return text
    for columns in _FEWER_COLUMNS:
        narrow = [replace(section, table=section.table.narrowed(columns)) for section in sections]
        if (text := _page(narrow, view, budget, what, suffix + _COLUMNS_LEFT_OUT, uncut)) is not None:
            return text
    return f"({sum(len(section.records) for section in sections)} {what}, too wide to show)"


def _page(
    sections: Sequence[TableSection], view: View, budget: Budget, what: str, suffix: str, uncut: str
) -> str | None:
    records = [record for section in sections for record in section.records]
    start, note = page_start(view, records)
    room = replace(
        budget, tokens=budget.tokens - _ROOM_FOR_CLOSING, characters=budget.characters - 4 * _ROOM_FOR_CLOSING
    ).less(suffix + note)
    blocks = list(islice(_fitting(_blocks(sections, start), room), view.limit))
    if not blocks and start < len(records):
        return None
    text, end = "\n".join(blocks), start + len(blocks)
    checksum = digest(records) if end < len(records) else ""  # Of the cursor for the next page.
    last = page_footer(start, end, len(records), checksum, what, suffix)
    return "\n".join(filter(None, (text, _CELLS_CUT.format(uncut) if CUT in text else "", last, note)))


def _fitting(blocks: Iterator[str], room: Budget) -> Iterator[str]:
    tokens, characters = room.tokens, room.characters
    for block in blocks:
        weight = token_cost(block)
        if weight > tokens or len(block) > characters:
            return
        tokens -= weight + 1
        characters -= len(block) + 1
        yield block


def _blocks(sections: Sequence[TableSection], start: int) -> Iterator[str]:
    """The text of each record from ``start``, after the header and heading if they are new on this page."""
    header = ""
    passed = 0
    for section in sections:
        skipped = min(max(0, start - passed), len(section.records))
        passed += skipped
        heading, head = section.heading, section.table.head
        for record in section.records[skipped:]:
            lead = []
            if head != header:
                header = head
                lead.append(header)
            if heading:
                lead.append(heading)
                heading = ""
            yield "\n".join([*lead, section.table.line(section.redact(record))])
        passed += len(section.records) - skipped
