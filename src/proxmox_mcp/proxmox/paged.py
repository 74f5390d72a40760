"""Lists that Proxmox gives in pages: task lists, task logs, syslog, firewall, replication and ceph logs.

They take ``start`` and ``limit``, give 50 rows by default, and most set ``total`` beside ``data``
(``PVE::Tools::dump_logfile`` and ``dump_journal``, ``PVE::API2::Tasks``). Without the other pages, a filter or a count
would be about the first 50 rows only.
"""

# Tested through tests/gateway/test_paged_lists.py.

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.errors import ProxmoxError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc.model import Wire
    from proxmox_mcp.proxmox.access import Reader
    from proxmox_mcp.proxmox.answers import Answer

FIRST_PAGE = 50
"""Rows that Proxmox returns without ``limit``."""

PAGE = 1000
MOST_ROWS = 10_000
"""Rows of one list that are read at most: a few megabytes, and about a second of a node's time."""

SECONDS = 10.0
"""How long reading on may take: a node counts its whole journal for each page of its syslog."""

_POSITION = ("upid", "n")
"""The field that identifies a row: of a task list, of a log."""


class Rows(Struct, frozen=True):
    """Rows as they were read. ``total``: how many there are, None if Proxmox doesn't say. ``more``: some were not read,
    as far as is known, and ``why``. ``chosen``: the caller asked for this part."""

    data: list[Any]
    start: int = 0
    total: int | None = None
    more: bool = False
    chosen: bool = False
    why: str = ""

    def unread(self, *, filtered: bool) -> str:
        """The note about rows that were not read; empty if all were."""
        if not self.more:
            return ""
        of = f"of {self.total:,}" if self.total is not None else "of a list that may be longer"
        span = f"rows {self.start + 1:,}-{self.start + len(self.data):,} {of}" if self.data else f"no rows {of}"
        said = f"Not all rows were read: only {span}"
        said += ", as start and limit say." if self.chosen else f" ({self.why})." if self.why else "."
        if filtered:
            said += " The filter did not see the others."
        return said if self.chosen else f"{said} For others set start and limit in data."


async def read_rows(
    reader: Reader, path: str, params: Wire, parameters: Mapping[str, object], first: Answer, most: int = MOST_ROWS
) -> Rows | None:
    """The rows that follow a first answer, up to ``most``; None where it is not a list that Proxmox pages.

    ``params`` is what was sent, ``parameters`` what the endpoint takes. A ``start`` or ``limit`` of the caller is
    respected. If a later page fails, the rows read before it are returned.
    """
    if not isinstance(first.data, list):
        return None
    if not parameters.keys() >= {"start", "limit"}:
        longer = first.total is not None and first.total > len(first.data)
        return Rows(first.data, total=first.total, more=True) if longer else None
    if "start" in params or "limit" in params:
        return _as_asked(params, first)
    rows = Rows(
        first.data, total=first.total, more=_may_go_on(len(first.data), first.total, len(first.data), FIRST_PAGE)
    )
    end = time.monotonic() + SECONDS
    while rows.more:
        left = end - time.monotonic()
        if len(rows.data) >= most or left <= 0:
            return replace(rows, why=f"{most:,} rows are read at most" if left > 0 else f"within {SECONDS:g} s")
        asked = min(PAGE, most - len(rows.data))
        place: Wire = {**params, "start": str(len(rows.data)), "limit": str(asked)}
        try:
            page = await reader.read(path, place, deadline=max(left, 1.0))
        except ProxmoxError as error:
            return replace(rows, why=f"reading on failed: {error.message.splitlines()[0]}")
        rows = _joined(rows, page, asked)
    return rows


def _as_asked(params: Wire, first: Answer) -> Rows:
    """The part of a list that the caller asked for."""
    start, limit = _number(params.get("start"), 0), _number(params.get("limit"), FIRST_PAGE)
    count, total = len(first.data), first.total
    more = bool(start) or (start + count < total if total is not None else 0 < limit <= count)
    return Rows(first.data, start=start, total=total, more=more, chosen=True)


def _joined(rows: Rows, page: Answer, asked: int) -> Rows:
    """The rows with those of the next page that are new: tasks that start meanwhile move older ones a page on."""
    came = page.data if isinstance(page.data, list) else []
    known = {_position(row) for row in rows.data[-PAGE:]} - {None}
    new = [row for row in came if _position(row) not in known and not _is_filler(row)]
    total = page.total if page.total is not None else rows.total
    data = [*rows.data, *new]
    return replace(rows, data=data, total=total, more=bool(new) and _may_go_on(len(data), total, len(came), asked))


def _may_go_on(read: int, total: int | None, came: int, asked: int) -> bool:
    return read < total if total is not None else came >= asked


def _position(row: Any) -> Any:
    return next((row[name] for name in _POSITION if name in row), None) if isinstance(row, dict) else None


def _is_filler(row: Any) -> bool:
    """The row that Proxmox sends for an empty log: its own web interface can't show an empty list."""
    return isinstance(row, dict) and row.get("t") == "no content"


def _number(text: Any, default: int) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 10 else default
