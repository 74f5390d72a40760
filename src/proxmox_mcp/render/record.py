"""One record as ``key: value`` lines; if it is too long, members are left out and their paths are named."""

# Tested through tests/render/test_render.py and tests/render/test_nested.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.render.cells import compact_json
from proxmox_mcp.render.fields import is_empty
from proxmox_mcp.render.inline import inline
from proxmox_mcp.render.nested import label, member_lines, rows_lines, similar_records
from proxmox_mcp.render.prune import count_of, prune
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.render.budget import Budget
    from proxmox_mcp.render.legend import Legend

_MOST_PATHS = 8
_LONGEST_PATH = 60
_SHRINK = 0.7


def record_body(
    record: Mapping[str, Any], budget: Budget, legend: Legend, sent: Mapping[str, Any] | None = None
) -> str:
    """A record within a budget. Empty members are left out, unless all are empty. ``sent`` is the record with what is
    left out of it, whose JSON tells how long the text may be."""
    if not record:
        return "(an empty object)"
    kept = {key: value for key, value in record.items() if not is_empty(value)} or dict(record)
    most = len(compact_json(record if sent is None else sent))
    whole = _lines(kept, legend, most)
    if budget.fits(whole):
        return whole
    allowance = min(budget.characters, int(budget.tokens * 4))
    while allowance > 1:
        pruned = prune(kept, allowance)
        text = f"{_lines(pruned.value, legend, most)}\n{_paths(pruned.left_out)}"
        if budget.fits(text):
            return text
        allowance = int(allowance * _SHRINK)
    return f"({count_of(kept)}, too long to show)"


def _lines(record: Mapping[str, Any], legend: Legend, most: int) -> str:
    """All members. Objects are flattened; those that become the longest so are on one line where the record would have
    more than ``most`` characters."""
    if rows := similar_records(record):
        return "\n".join(rows_lines("", rows, legend))
    texts = {name: "\n".join(member_lines(name, value, legend)) for name, value in record.items()}
    nested = [name for name, value in record.items() if isinstance(value, (dict, list))]
    excess = sum(map(len, texts.values())) + len(texts) - most if nested else 0
    if excess > 0:
        short = {name: f"{label(name)}: {inline(name, record[name], legend)}" for name in nested}
        saved = {name: len(texts[name]) - len(short[name]) for name in nested}
        for name in sorted(nested, key=saved.__getitem__, reverse=True):
            if excess <= 0 or saved[name] <= 0:
                break
            texts[name] = short[name]
            excess -= saved[name]
    return "\n".join(texts.values())


def _paths(left_out: tuple[str, ...]) -> str:
    paths = [shown(path, _LONGEST_PATH) for path in dict.fromkeys(left_out) if path]
    if not paths:
        return "(shortened: … counts what is left out)"
    more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
    return f"(shortened: {', '.join(paths[:_MOST_PATHS])}{more}; one of them as fields= shows it whole, in pages)"
