"""What is wrong in each cluster, for the overview: read by the server's own identity, at most once a minute."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from proxmox_mcp.errors import ProxmoxMcpError
from proxmox_mcp.proxmox.problems import TITLES, Problem, Report, examine

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.cluster import Cluster

KEPT_SECONDS = 60.0
_PATIENCE = 5.0
"""A page doesn't wait longer; what has not come by then is told as unread."""
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Group:
    """The problems of one kind, under its heading."""

    title: str
    is_error: bool
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """The problems of a cluster in groups, what could not be read, and the ``trouble`` if nothing could."""

    groups: tuple[Group, ...] = ()
    unread: tuple[str, ...] = ()
    trouble: str = ""

    @classmethod
    def of(cls, report: Report) -> Findings:
        groups = (
            Group(TITLES[kind], any(each.severity == "error" for each in found), tuple(found))
            for kind, found in report.of_kind().items()
        )
        unread = (f"{each.what}{f' of {each.of}' if each.of else ''} ({each.why})" for each in report.unread)
        return cls(tuple(groups), tuple(dict.fromkeys(unread)))


@dataclass(slots=True)
class _Kept:
    taken: float
    findings: Findings = field(default_factory=Findings)
    turn: anyio.Lock = field(default_factory=anyio.Lock)


class ProblemReports:
    """Keeps the findings of each cluster for a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: dict[str, _Kept] = {}

    async def findings(self, name: str, cluster: Cluster) -> Findings:
        """What is wrong in a cluster."""
        kept = self._of.setdefault(name, _Kept(self._clock() - KEPT_SECONDS))
        async with kept.turn:
            if self._clock() - kept.taken >= KEPT_SECONDS:
                kept.findings = await _examined(cluster)
                kept.taken = self._clock()
        return kept.findings


async def _examined(cluster: Cluster) -> Findings:
    now = time.time()
    try:
        return Findings.of(await examine(cluster.pve.get, now, now - _DAY, within=_PATIENCE))
    except ProxmoxMcpError as error:
        return Findings(trouble=error.message)
