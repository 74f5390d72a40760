"""Who calls: a name with its own mode and rules."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from datetime import datetime

    from proxmox_mcp.policy.rules import Rule


class Mode(StrEnum):
    """How much is let through without a rule, in rising order: ``min`` is the stricter one.

    Compared by rank, also with a mode's name; all four operators, since ``str`` would compare by the alphabet.
    """

    READ_ONLY = "read-only"
    GUARDED = "guarded"
    FULL = "full"

    def __lt__(self, other: str) -> bool:
        return _RANK[self] < _RANK[other]

    def __le__(self, other: str) -> bool:
        return _RANK[self] <= _RANK[other]

    def __gt__(self, other: str) -> bool:
        return _RANK[self] > _RANK[other]

    def __ge__(self, other: str) -> bool:
        return _RANK[self] >= _RANK[other]


_RANK: dict[str, int] = {mode: rank for rank, mode in enumerate(Mode)}


class Limits(Struct, frozen=True, kw_only=True):
    """Calls in any minute, and calls at the same time; 0 means no limit."""

    calls_per_minute: int = 0
    concurrent: int = 0


class Caller(Struct, frozen=True, kw_only=True):
    """Somebody who may call. ``clusters`` empty means all; ``expires`` None means never.

    ``owner``: the person whose client this is, as they are named in the console; empty if that is not known.
    """

    name: str
    owner: str = ""
    mode: Mode = Mode.FULL
    rules: tuple[Rule, ...] = ()
    clusters: frozenset[str] = frozenset()
    expires: datetime | None = None
    limits: Limits = Limits()

    def may_use(self, cluster: str) -> bool:
        return not self.clusters or cluster in self.clusters


LOCAL = Caller(name="local")
"""The caller on stdio, on the command line, and where no authentication is asked for: the server's mode decides."""
