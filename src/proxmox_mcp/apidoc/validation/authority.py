"""Decides which problems of a call are refusals, and which are doubts that only the node can settle.

A problem is a refusal if the rule is known to be the node's. A schema of the same release may lack what a later point
release added: an unknown endpoint or parameter, and an index above a limit that Proxmox doesn't publish, are doubts,
and the call is sent. A schema of another release may also differ in the allowed values. Rules that no schema publishes
are known only for the releases that were examined; for newer ones they are doubts, whatever the schema.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.apidoc.model import CallProblem

ValidationMode = Literal["auto", "enforce", "warn"]
"""``MCP_VALIDATION``: refuse by the authority of the schema (``auto``), refuse all problems, or none."""

_NEVER_SENT = frozenset({"unsendable", "conflict"})
_UNSURE = frozenset({"unpublished"})
_LACKS = frozenset({"endpoint", "method", "unknown", "index"})
_DIFFERS = frozenset({"enum", "format", "pattern", "length", "bound", "requires", "missing"})


class SchemaAuthority(StrEnum):
    """How reliable a schema is for a node: the node's own, of the same release, or of another release."""

    NODE = "node"
    SNAPSHOT = "snapshot"
    OTHER = "other"

    @classmethod
    def of(cls, schema: str, node: str) -> Self:
        """The authority of a schema of one version for a node of another.

        If a version is unknown, they are assumed to be of the same release.
        """
        if schema and schema == node:
            return cls("node")
        of_schema, of_node = _release(schema), _release(node)
        return cls("other" if of_schema and of_node and of_schema != of_node else "snapshot")


def _release(version: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\d+", version)[:2])


def split(
    problems: Sequence[CallProblem], authority: SchemaAuthority, mode: ValidationMode
) -> tuple[list[CallProblem], list[CallProblem]]:
    """Split the problems of a call into refusals and doubts."""
    refusals: list[CallProblem] = []
    doubts: list[CallProblem] = []
    for problem in problems:
        (doubts if _is_doubtful(problem.kind, authority, mode) else refusals).append(problem)
    return refusals, doubts


def _is_doubtful(kind: str, authority: SchemaAuthority, mode: ValidationMode) -> bool:
    if kind in _NEVER_SENT or mode == "enforce":
        return False
    if mode == "warn" or kind in _UNSURE:
        return True
    if authority is SchemaAuthority.SNAPSHOT:
        return kind in _LACKS
    return authority is SchemaAuthority.OTHER and kind in _LACKS | _DIFFERS
