"""Who calls: a name with its own mode and rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from proxmox_mcp.guard.rules import Rule


class Mode(StrEnum):
    """How much is let through without a rule. In rising order, so that ``min`` is the stricter one."""

    READ_ONLY = "read-only"
    GUARDED = "guarded"
    FULL = "full"

    def __lt__(self, other: str) -> bool:
        order = list(Mode)
        return order.index(self) < order.index(Mode(other))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Calls in any minute, and calls at the same time; 0 is no limit."""

    calls_per_minute: int = 0
    concurrent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who may call. ``clusters`` empty means all; ``expires`` None means never."""

    name: str
    mode: Mode = Mode.FULL
    rules: tuple[Rule, ...] = ()
    clusters: frozenset[str] = frozenset()
    expires: datetime | None = None
    limits: Limits = Limits()

    def may_use(self, cluster: str) -> bool:
        return not self.clusters or cluster in self.clusters


LOCAL = Caller(name="local")
"""The caller on stdio, on the command line, and where no authentication is asked for: the server's mode decides."""
