"""Results as text for a model: secrets out, foreign text marked, within the budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxmox_mcp.foreign import clean, one_line
from proxmox_mcp.foreign import mark as set_off

if TYPE_CHECKING:
    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.gateway.checking import Checked

_TEXT = ""
"""The field of what has none: an answer that is a text or lines, such as a journal or a guest's old configuration."""

_FOREIGN = frozenset(
    {"description", "notes", "comment", "out-data", "err-data", "content", "t", "msg", "log", "line", "last-log"}
    | {"result", _TEXT}
)
"""Fields whose text guests or users write at length; ``result`` is what a guest's agent says."""

_LONG = 60
"""From this many characters a foreign text is set off; a short note stays in its cell."""


@dataclass(frozen=True, slots=True)
class Got:
    """What came of one call: ``data`` with its secrets taken out, and what is to be said beside it."""

    data: Any
    checked: Checked
    notes: tuple[str, ...] = ()
    told: str = ""


def mark(field: str, text: str) -> str:
    """What guests and users wrote, set off as data (``shape.Mark``); in any field what has several lines."""
    foreign = field in _FOREIGN
    if "\n" in text or (foreign and len(text) > _LONG):
        return set_off(text, f"`{one_line(field)}`" if field else "text")
    return clean(text) if foreign else text


def returned_fields(endpoint: Endpoint | None) -> tuple[str, ...]:
    """The fields that an endpoint's records may have."""
    if endpoint is None:
        return ()
    returns = endpoint.returns
    record: Any = returns.items if returns.type == "array" and returns.items is not None else returns
    return tuple(record.properties or ())
