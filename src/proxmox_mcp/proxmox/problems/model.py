"""A problem of a cluster, and the report of all that were found."""

# Tested through tests/proxmox/problems/test_examination.py and tests/web/test_problems.py.

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["error", "warning"]
"""``error``: something does not work now. ``warning``: it will not, or it works without a safety net."""

Kind = Literal[
    "no-quorum",
    "node-offline",
    "ha-error",
    "replication-error",
    "storage-unavailable",
    "storage-full",
    "service-failed",
    "task-failed",
    "certificate-expiry",
    "guest-locked",
    "no-backup",
    "old-backup",
    "no-backup-job",
]

TITLES: dict[Kind, str] = {
    "no-quorum": "no quorum",
    "node-offline": "nodes offline",
    "ha-error": "HA errors",
    "replication-error": "replication errors",
    "storage-unavailable": "storages unavailable",
    "storage-full": "storages over 85%",
    "service-failed": "services failed",
    "task-failed": "failed tasks since yesterday",
    "certificate-expiry": "certificates that run out",
    "guest-locked": "locked guests",
    "no-backup": "guests without a backup",
    "old-backup": "guests whose last backup is too old",
    "no-backup-job": "guests in no backup job",
}
"""The kinds in the order in which they matter, each with its heading."""


class ClusterProblem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with one subject.

    ``names`` say which: ``("pve3",)``, ``("114", "vpn-01")``, ``("qmstart", "114", "vpn-01")``; ``node`` is where, if
    that is not said by the names. ``said`` is more about it, in Proxmox's own words or a figure. All of these are
    untrusted text. ``when`` is the moment that matters, in seconds since 1970 (a task's start, the last backup, the end
    of a certificate), ``look`` the path of the GET that tells more.
    """

    kind: Kind
    severity: Severity
    names: tuple[str, ...]
    node: str = ""
    said: str = ""
    when: float | None = None
    look: str = ""

    @property
    def subject(self) -> str:
        """The names in one text, with the node: ``qmstart 114 vpn-01 on pve2``."""
        return " ".join(self.names) + (f" on {self.node}" if self.node else "")


class Unread(Struct, frozen=True):
    """What could not be read, so that nothing is known of it: ``what`` in words, ``of`` which node or storage (empty
    for the cluster), ``look`` the path, ``why`` the reason."""

    what: str
    of: str
    look: str
    why: str


class ProblemReport(Struct, frozen=True):
    """The problems found, those that matter most first, and what could not be read.

    ``taken`` is the moment, in seconds since 1970.
    """

    problems: tuple[ClusterProblem, ...]
    unread: tuple[Unread, ...]
    taken: float

    def of_kind(self) -> dict[Kind, list[ClusterProblem]]:
        """The problems by kind, in the order of ``TITLES``; kinds without one are left out."""
        kinds: dict[Kind, list[ClusterProblem]] = {}
        for problem in self.problems:
            kinds.setdefault(problem.kind, []).append(problem)
        return kinds


def in_order(problems: list[ClusterProblem]) -> tuple[ClusterProblem, ...]:
    """Errors before warnings, then by kind; within a kind as they were found."""
    order = {kind: place for place, kind in enumerate(TITLES)}
    return tuple(sorted(problems, key=lambda each: (each.severity != "error", order[each.kind])))
