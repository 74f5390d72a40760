"""What is wrong in a cluster, for the overview: read by the server's own identity."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.errors import ProxmoxMcpError
from proxmox_mcp.proxmox.problems import TITLES, ClusterProblem, ProblemReport, examine

if TYPE_CHECKING:
    from proxmox_mcp.gateway.cluster import Cluster

_PATIENCE = 5.0
"""A page doesn't wait longer; what has not come by then is told as unread."""
_DAY = 86400.0


class ProblemGroup(Struct, frozen=True):
    """The problems of one kind, under its heading."""

    title: str
    is_error: bool
    problems: tuple[ClusterProblem, ...]


class Findings(Struct, frozen=True):
    """The problems of a cluster in groups, what could not be read, and the ``trouble`` if nothing could."""

    groups: tuple[ProblemGroup, ...] = ()
    unread: tuple[str, ...] = ()
    trouble: str = ""

    @classmethod
    def of(cls, report: ProblemReport) -> Findings:
        groups = (
            ProblemGroup(TITLES[kind], any(each.severity == "error" for each in found), tuple(found))
            for kind, found in report.of_kind().items()
        )
        unread = (f"{each.what}{f' of {each.of}' if each.of else ''} ({each.why})" for each in report.unread)
        return cls(tuple(groups), tuple(dict.fromkeys(unread)))


async def read_findings(cluster: Cluster) -> Findings:
    """What is wrong in a cluster now; the ``trouble`` where that can't be read."""
    now = time.time()
    try:
        return Findings.of(await examine(cluster.pve.get, now, now - _DAY, within=_PATIENCE))
    except ProxmoxMcpError as error:
        return Findings(trouble=error.message)
