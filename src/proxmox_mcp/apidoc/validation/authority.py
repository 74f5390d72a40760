"""Which faults of a call are refusals, and which are doubts that only the node can settle.

A fault is a refusal where the rule is known to be the node's: of its own schema, or of its version. A schema of the
same release may lack what a later point release has: there an endpoint or a parameter that it doesn't know, and a
bound that Proxmox doesn't publish, are doubts, and the call is sent. A schema of another release may also differ in
what a value may be. And what no schema publishes is only known of the releases that we have seen: of a newer one it
is a doubt, whatever the schema's standing.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.apidoc.model import Problem

Mode = Literal["auto", "enforce", "warn"]
"""``MCP_VALIDATION``: by the standing of the schema, all faults refused, or none."""

_NEVER_SENT = frozenset({"unsendable", "conflict"})
_UNSURE = frozenset({"unpublished"})
_LACKS = frozenset({"endpoint", "method", "unknown", "index"})
_DIFFERS = frozenset({"enum", "format", "pattern", "length", "bound", "requires", "missing"})


class Standing(StrEnum):
    """How far a schema speaks for the node: it is the node's own, of the same release, or of another."""

    NODE = "node"
    SNAPSHOT = "snapshot"
    OTHER = "other"

    @classmethod
    def of(cls, schema: str, node: str) -> Self:
        """The standing of a schema of one version before a node of another.

        Where either is unknown, and nothing better is known of the schema, it is taken to be of the same release.
        """
        if schema and schema == node:
            return cls("node")
        of_schema, of_node = _release(schema), _release(node)
        return cls("other" if of_schema and of_node and of_schema != of_node else "snapshot")


def _release(version: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\d+", version)[:2])


def split(problems: Sequence[Problem], standing: Standing, mode: Mode) -> tuple[list[Problem], list[Problem]]:
    """Refusals and doubts among the faults of a call."""
    refusals: list[Problem] = []
    doubts: list[Problem] = []
    for problem in problems:
        (doubts if _is_doubtful(problem.kind, standing, mode) else refusals).append(problem)
    return refusals, doubts


def _is_doubtful(kind: str, standing: Standing, mode: Mode) -> bool:
    if kind in _NEVER_SENT or mode == "enforce":
        return False
    if mode == "warn" or kind in _UNSURE:
        return True
    if standing is Standing.SNAPSHOT:
        return kind in _LACKS
    return standing is Standing.OTHER and kind in _LACKS | _DIFFERS
