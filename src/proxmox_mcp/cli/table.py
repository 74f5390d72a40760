"""Tables for people: aligned columns, one line for each row, colours only on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from msgspec import Struct

from proxmox_mcp.untrusted import flat

if TYPE_CHECKING:
    from collections.abc import Sequence

_BETWEEN = "  "


class Cell(Struct, frozen=True):
    """A text of one line, and its colour. Text of the cluster is cleaned: a name may hold escape sequences."""

    text: str
    colour: str = ""

    @classmethod
    def of(cls, text: object, colour: str = "") -> Cell:
        # Half a surrogate pair, which JSON can hold, can't be encoded as UTF-8.
        return cls(flat(str(text)).encode("utf-8", "backslashreplace").decode(), colour)


class TableColumn(Struct, frozen=True):
    """``right``: numbers, aligned by their last digit."""

    name: str
    right: bool = False


def table(columns: Sequence[TableColumn], rows: Sequence[Sequence[Cell]]) -> str:
    """Rows below the names of the columns; a column that is empty in all rows is left out."""
    used = [at for at in range(len(columns)) if any(row[at].text for row in rows)]
    head = [Cell(columns[at].name.upper()) for at in used]
    lines = [head, *([row[at] for at in used] for row in rows)]
    widths = [max(len(line[place].text) for line in lines) for place in range(len(used))]
    right = [columns[at].right for at in used]
    return "\n".join(_line(line, widths, right, bold=line is head) for line in lines)


def _line(cells: Sequence[Cell], widths: Sequence[int], right: Sequence[bool], *, bold: bool) -> str:
    filled = [place for place, cell in enumerate(cells) if cell.text]
    last = filled[-1] if filled else -1
    parts = []
    for place, cell in enumerate(cells[: last + 1]):
        blanks = " " * (widths[place] - len(cell.text))
        styled = click.style(cell.text, fg=cell.colour or None, bold=bold or None) if cell.text else ""
        parts.append(blanks + styled if right[place] else styled if place == last else styled + blanks)
    return _BETWEEN.join(parts)
