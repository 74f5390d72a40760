"""The part of a result that a caller wants to see: fields, filter, limit, cursor."""

# Tested through tests/render/test_render.py and tests/render/test_resources.py.

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any
from zlib import crc32

from msgspec import Struct

from proxmox_mcp.errors import ViewError
from proxmox_mcp.render.filters import NO_FILTER, Filter, parse_filter

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_FIELDS, _LONGEST_FIELD = 200, 200
_CURSOR = re.compile(r"([0-9]{1,9})-([0-9a-f]{4})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_IDENTITY = ("id", "upid", "volid", "userid", "vmid", "node", "name", "type", "storage", "pos", "n", "time")


class Cursor(Struct, frozen=True):
    """Where a page starts, and a digest of the list when the previous page was shown."""

    offset: int
    digest: str

    def __str__(self) -> str:
        return f"{self.offset}-{self.digest}"


class View(Struct, frozen=True):
    """Which part of a result to show. If all are empty: as much as the budget allows.

    ``raw`` shows numbers as Proxmox sent them.
    """

    fields: tuple[str, ...] = ()
    conditions: Filter = NO_FILTER
    limit: int | None = None
    cursor: Cursor | None = None
    raw: bool = False

    @classmethod
    def of(
        cls,
        fields: str | Sequence[str] | None = None,
        filter: str | None = None,  # noqa: A002 - the argument's name in the tools
        limit: int | None = None,
        cursor: str | None = None,
        raw: bool = False,
    ) -> View:
        """A view from the arguments of a tool: ``fields`` as a list or one text with commas. Raises ViewError."""
        if limit is not None and limit < 1:
            raise ViewError(f"limit: {limit} is too small.", "Allowed: 1 or more; without it, as many as fit.")
        names = fields.split(",", _MOST_FIELDS + 1) if isinstance(fields, str) else fields or ()
        if len(names) > _MOST_FIELDS or any(len(name) > _LONGEST_FIELD for name in names):
            advice = f"Allowed: up to {_MOST_FIELDS} names of {_LONGEST_FIELD} characters."
            raise ViewError("fields: too many or too long names.", advice)
        return cls(
            tuple(dict.fromkeys(stripped for name in names if (stripped := name.strip()))),
            parse_filter(filter or ""),
            limit if limit is None else min(limit, sys.maxsize),
            _cursor(cursor) if cursor else None,
            raw,
        )

    @property
    def names_a_date(self) -> bool:
        """Whether the filter names a date, which means another time in each zone (``now-30d`` doesn't)."""
        return any(_DATE.match(condition.value) for condition in self.conditions.conditions)

    @property
    def pages(self) -> bool:
        """Whether the caller asked for a page instead of an overview."""
        return self.limit is not None or self.cursor is not None


WHOLE = View()


def _cursor(text: str) -> Cursor:
    match = _CURSOR.fullmatch(text.strip())
    if match is None:
        raise ViewError(
            f"cursor: `{text[:40]}` is invalid.", "Copy it from the last line of the previous page, or leave it out."
        )
    return Cursor(int(match[1]), match[2])


def digest(items: Sequence[Any]) -> str:
    """Four hex digits that change when entries are added, removed or moved, but not when only their numbers change."""
    identities = (tuple(map(item.get, _IDENTITY)) if isinstance(item, dict) else item for item in items)
    checksum = crc32("".join(map(repr, identities)).encode("utf-8", "surrogatepass"))
    return f"{checksum & 0xFFFF:04x}"


def page_start(view: View, items: Sequence[Any]) -> tuple[int, str]:
    """Where the page starts in ``items``, and a note if the list has changed since the cursor was made.

    Raises ViewError for a cursor beyond the end.
    """
    if view.cursor is None:
        return 0, ""
    changed = view.cursor.digest != digest(items)
    if view.cursor.offset >= max(1, len(items)):
        raise ViewError(
            f"cursor: the page starts at {view.cursor.offset + 1}, but the list now has {len(items)} entries.",
            "Start again without cursor.",
        )
    note = "The list has changed since the previous page: entries may be missing or repeated." if changed else ""
    return view.cursor.offset, note


def page_footer(start: int, end: int, total: int, checksum: str, what: str, suffix: str = "") -> str:
    """The last line of a page: ``(rows 1-12 of 812, next: cursor=12-3fa9)``, or ``(all 12 rows)``."""
    if total == 1:
        return f"(1 {what.removesuffix('s')}{suffix})"
    span = f"{start + 1}-{end}" if end - start > 1 else f"{end}"
    shown = f"all {total} {what}" if end - start == total else f"{what} {span} of {total}"
    following = f", next: cursor={Cursor(end, checksum)}" if end < total else ""
    return f"({shown}{suffix}{following})"
