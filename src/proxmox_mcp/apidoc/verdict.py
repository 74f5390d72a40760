"""Which faults of a call are refusals, and which are doubts that only the node can settle.

A fault is a refusal where the rule is known to be the node's: its own schema, or one of its version. A schema of
another version may lack what the node has: there an endpoint or a parameter that it doesn't know, and a bound that
Proxmox doesn't publish, are doubts: the call is sent.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.apidoc.model import Problem

Mode = Literal["auto", "enforce", "warn"]
"""``MCP_VALIDATION``: by the standing of the schema, all faults refused, or none."""

_UNKNOWN_TO_OTHERS = frozenset({"endpoint", "method", "unknown", "index"})
_NEVER_SENT = frozenset({"unsendable", "conflict"})


class Standing(StrEnum):
    """How far a schema speaks for the node."""

    NODE = "node"
    SNAPSHOT = "snapshot"


def split(problems: Sequence[Problem], standing: Standing, mode: Mode) -> tuple[list[Problem], list[Problem]]:
    """Refusals and doubts among the faults of a call."""
    if not problems:
        return [], []
    if mode == "warn":
        doubtful = {problem.kind for problem in problems} - _NEVER_SENT
    elif mode == "auto" and standing is Standing.SNAPSHOT:
        doubtful = set(_UNKNOWN_TO_OTHERS)
    else:
        doubtful = set()
    refusals = [problem for problem in problems if problem.kind not in doubtful]
    return refusals, [problem for problem in problems if problem.kind in doubtful]
