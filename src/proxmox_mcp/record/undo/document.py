"""The table of all writes by the way in which they are undone: ``docs/undo-table.md``."""

# Tested through tests/test_docs.py.

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from proxmox_mcp.apidoc.reviews import UndoKind, call_key
from proxmox_mcp.record.undo.proven import shown_by
from proxmox_mcp.record.undo.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.apidoc.reviews import Reviews, Undo

_HEADINGS: Mapping[UndoKind, str] = {
    "restore": "Values are restored",
    "delete-created": "What was created is deleted",
    "create-again": "What was deleted is made again",
    "revert": "Pending values are reverted",
    "reverse": "The action is reversed",
    "none": "No way back",
}
_SHOWN = {"recorded": "recorded", "demo": "demo", "recorded demo": "both"}


def render(indexes: Mapping[str, EndpointIndex], reviews: Reviews) -> str:
    """All write endpoints of all bundled versions."""
    writes = dict(sorted(_writes(indexes.values(), reviews)))
    parts = []
    for kind in get_args(UndoKind):
        of_kind = {key: undo for key, undo in writes.items() if undo.kind == kind}
        if of_kind:
            parts.append(f"## {_HEADINGS[kind]} ({len(of_kind)})\n\n{_table(of_kind, kind)}\n")
    return "\n".join(parts)


def _writes(indexes: Iterable[EndpointIndex], reviews: Reviews) -> Iterator[tuple[str, Undo]]:
    for index in indexes:
        for endpoint in index.endpoints:
            review = reviews.of(endpoint.method, endpoint.path)
            if endpoint.method != "GET" and review is not None and review.undo is not None:
                yield call_key(endpoint.method, endpoint.path), review.undo


def _table(writes: Mapping[str, Undo], kind: UndoKind) -> str:
    if kind == "none":
        rows = ["| call | why |", "|---|---|", *(f"| `{key}` | {undo.how} |" for key, undo in writes.items())]
        return "\n".join(rows)
    rows = ["| call | how | not brought back | shown by |", "|---|---|---|---|"]
    rows += [f"| `{key}` | {undo.how} | {undo.lost} | {_shown(key)} |" for key, undo in writes.items()]
    return "\n".join(rows)


def _shown(key: str) -> str:
    if key not in RECIPES:
        return "by hand only"
    return _SHOWN.get(shown_by().get(key, ""), "untested")
