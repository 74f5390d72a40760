"""One record as ``key: value`` lines; if it is too long, members are left out and their paths are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.render.cells import compact_json, line_text, text_cell
from proxmox_mcp.render.fields import is_empty
from proxmox_mcp.render.prune import MORE, count_of, prune
from proxmox_mcp.untrusted import QUOTE, is_token, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.render.budget import Budget
    from proxmox_mcp.render.legend import Legend

_MOST_PATHS = 8
_LONGEST_PATH = 60
_SHRINK = 0.7


def record_body(record: Mapping[str, Any], budget: Budget, legend: Legend) -> str:
    """A record within a budget. Empty members are left out, unless all are empty."""
    if not record:
        return "(an empty object)"
    kept = {key: value for key, value in record.items() if not is_empty(value)} or dict(record)
    whole = _lines(kept, legend)
    if budget.fits(whole):
        return whole
    allowance = min(budget.characters, int(budget.tokens * 4))
    while allowance > 1:
        pruned = prune(kept, allowance)
        text = f"{_lines(pruned.value, legend)}\n{_paths(pruned.left_out)}"
        if budget.fits(text):
            return text
        allowance = int(allowance * _SHRINK)
    return f"({count_of(kept)}, too long to show)"


def _lines(record: Mapping[str, Any], legend: Legend) -> str:
    return "\n".join(
        f"{name if name == MORE else text_cell(name)}:{_value(name, value, legend)}" for name, value in record.items()
    )


def _value(name: str, value: Any, legend: Legend) -> str:
    """The value after its name: a token or JSON on the same line, text of several lines quoted below it."""
    if (text := legend.line(name, value)) is not None:
        return f" {text}"
    if not isinstance(value, str) or not value or is_token(value, term=legend.terms(name)):
        return " " + (value if isinstance(value, str) and value else compact_json(legend.readable(name, value)))
    lines = value.splitlines()
    if len(lines) == 1:
        return " " + compact_json(value)
    return "".join(f"\n  {QUOTE}{line_text(line)}" for line in lines)


def _paths(left_out: tuple[str, ...]) -> str:
    paths = [shown(path, _LONGEST_PATH) for path in dict.fromkeys(left_out) if path]
    if not paths:
        return "(shortened: … counts what is left out)"
    more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
    return f"(shortened: {', '.join(paths[:_MOST_PATHS])}{more}; one of them as fields= shows it whole, in pages)"
