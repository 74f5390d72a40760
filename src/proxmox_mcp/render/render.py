"""Renders any Proxmox response as text for a model. Every result goes through ``render``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from proxmox_mcp.errors import ViewError
from proxmox_mcp.render.budget import Budget
from proxmox_mcp.render.cells import compact_json, text_cell
from proxmox_mcp.render.fields import field_names, lookup, require_field
from proxmox_mcp.render.filters import NO_FILTER
from proxmox_mcp.render.legend import Legend
from proxmox_mcp.render.lines import lines_body
from proxmox_mcp.render.noise import noise_in, without_noise
from proxmox_mcp.render.paging import TableSection, page_of_sections
from proxmox_mcp.render.record import record_body
from proxmox_mcp.render.selection import select
from proxmox_mcp.render.series import is_series, series_body
from proxmox_mcp.render.table import plain_table
from proxmox_mcp.render.trees import without_trees
from proxmox_mcp.render.view import WHOLE, View, digest, page_footer, page_start
from proxmox_mcp.untrusted import NOTICE, with_notice

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    Record = Mapping[str, Any]

_DEFAULT_BUDGET = Budget()
_LINE_FIELD = "value"
"""The name in filters for the entries of a plain list and for the lines of a text."""

MOST_ROWS = 100_000
"""The most entries of a list that are read: no cluster has as many guests, and logs are read from their end."""
MOST_COLUMNS = 500
"""The most columns of a table. No endpoint has a hundred, but a guest's agent (untrusted) may return any number."""


def render(
    data: Any,
    view: View = WHOLE,
    *,
    budget: Budget = _DEFAULT_BUDGET,
    legend: Legend | None = None,
    notes: Sequence[str] = (),
    known: Collection[str] = (),
) -> str:
    """The text of a result, within the budget. What is left out is counted, and the text says how to get it.

    All text is untrusted (``untrusted.py``), except tokens and the fields that the legend calls terms. ``notes`` are
    lines of the server that follow the result. ``known`` are fields that records may have even if none of these has
    them (the endpoint's returned fields). Raises ViewError if the view does not fit the data.
    """
    budget = budget.less(NOTICE)
    legend = legend or Legend()
    if view.raw != legend.raw:
        legend = legend.at(legend.clock, raw=view.raw)
    notes = (*_closing(data, view, legend), *notes)
    if isinstance(data, list) and len(data) > MOST_ROWS:
        cut = f"Only the first {MOST_ROWS:,} of {len(data):,} entries were read."
        data, notes = data[:MOST_ROWS], (*notes, f"{cut} Ask for fewer (start, limit, or a narrower path).")
    closing = "\n".join(notes)
    if not budget.share(2).fits(closing):
        closing = lines_body(closing.split("\n"), WHOLE, budget.share(2), ours=True)
    room = budget.less(closing) if closing else budget
    body = _body(data, view, room, legend, known)
    return with_notice(f"{body}\n{closing}" if closing else body)


def _closing(data: Any, view: View, legend: Legend) -> list[str]:
    """The line that names what is left out and the present time, where the result has any of it."""
    noise = () if view.fields or view.raw else noise_in(data)
    told = [f"left out: {', '.join(noise)}"] if noise else []
    if legend.tells_time(data, view.fields):
        told.append(f"now {legend.clock.present}")
    return [f"({'; '.join(told)})"] if told else []


def _body(data: Any, view: View, budget: Budget, legend: Legend, known: Collection[str]) -> str:
    if isinstance(data, dict):
        return _object(without_trees(data), view, budget, legend, known)
    if isinstance(data, list):
        if not data:
            return "(an empty list)"
        if all(isinstance(item, dict) for item in data):
            return _records(data, view, budget, legend, known)
        return _plain_lines([_item(item) for item in data], view, budget, legend, overview=False)
    if data is None:
        return "null"
    return _plain_lines((data if isinstance(data, str) else compact_json(data)).splitlines(), view, budget, legend)


def _item(item: Any) -> str:
    return item if isinstance(item, str) and item.isprintable() and item else compact_json(item)


def _plain_lines(lines: list[str], view: View, budget: Budget, legend: Legend, *, overview: bool = True) -> str:
    if view.fields and view.fields != (_LINE_FIELD,):
        raise ViewError("fields: this result has no fields.", f"Leave it out; a filter can use `{_LINE_FIELD}~text`.")
    if not view.conditions:
        return lines_body(lines, view, budget, overview=overview)
    kept = select([{_LINE_FIELD: line} for line in lines], view.conditions, legend=legend)
    if not kept:
        return f"(none of {len(lines)} matches the filter)"
    suffix = f"; {len(kept)} of {len(lines)} match"
    return lines_body([r[_LINE_FIELD] for r in kept], view, budget, overview=overview, suffix=suffix)


def _object(record: Record, view: View, budget: Budget, legend: Legend, known: Collection[str]) -> str:
    for field in view.fields:
        require_field(field, [record], known, argument="fields")
    if len(view.fields) == 1:
        name = view.fields[0]
        part = lookup(record, name)
        if isinstance(part, (dict, list)) or (isinstance(part, str) and (view.pages or not budget.fits(part))):
            inner = replace(view, fields=())
            return f"{text_cell(name)}:\n{_body(part, inner, budget.less(name), legend, ())}"
    if view.conditions and not select([record], view.conditions, known=known, legend=legend):
        return "(the object does not match the filter)"
    if view.cursor is not None:
        raise ViewError("cursor: this result has no pages.", "Leave cursor out.")
    return record_body(_project(record, view), budget, legend, record if not view.fields else None)


def _project(record: Record, view: View) -> Record:
    if view.fields:
        return {name: lookup(record, name) for name in view.fields}
    return record if view.raw else next(iter(without_noise([record])), record)


def _records(records: list[dict[str, Any]], view: View, budget: Budget, legend: Legend, known: Collection[str]) -> str:
    for field in view.fields:
        require_field(field, records, known, argument="fields")
    kept: Sequence[Record] = (
        select(records, view.conditions, known=known, legend=legend) if view.conditions else records
    )
    if not kept:
        return f"(none of {len(records)} matches the filter)"
    if not view.fields and not view.raw:
        kept = without_noise(kept)
        if not kept:
            return "(an empty list)"
    suffix = f"; {len(kept)} of {len(records)} match" if view.conditions else ""
    if len(records) == 1:
        return _object(records[0], replace(view, conditions=NO_FILTER), budget, legend, known)
    if not view.fields and _is_log(kept):
        return lines_body([str(record["t"]) for record in kept], view, budget, suffix=suffix)
    if not view.pages and is_series(kept) and (text := series_body(kept, view.fields, budget, legend)) is not None:
        return text
    return _table_page(kept, view, budget, legend, suffix)


def _is_log(records: Sequence[Record]) -> bool:
    """Whether records are log lines as ``PVE::Tools::dump_logfile`` returns them: ``n`` (number) and ``t`` (text)."""
    return all(record.keys() == {"n", "t"} and isinstance(record["t"], str) for record in records)


def _table_page(records: Sequence[Record], view: View, budget: Budget, legend: Legend, suffix: str) -> str:
    """A page of a table; a page of one record shows it whole."""
    start, note = page_start(view, records)
    if view.limit == 1:
        last = page_footer(start, start + 1, len(records), digest(records), "record", suffix)
        body = record_body(_project(records[start], view), budget.less(last + note), legend)
        return "\n".join(filter(None, (body, last, note)))
    fields = view.fields
    if not fields and len(names := field_names(records)) > MOST_COLUMNS:
        fields = tuple(names[:MOST_COLUMNS])
        suffix += f"; {len(names) - MOST_COLUMNS} more columns left out, name them in fields="
    return page_of_sections(
        lambda longest: [TableSection(plain_table(records, fields, legend, longest), records)],
        view,
        budget,
        suffix=suffix,
        uncut=": limit=1 shows a record whole",
    )
