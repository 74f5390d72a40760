"""What the log of a task for many guests tells of each of them.

Such a task ends with ``OK`` though guests failed (``startall``, ``stopall``, ``migrateall``, ``suspendall``), or with
an error that names them at most (``vzdump``, the bulk actions of 9.1). The lines are those of ``PVE::API2::Nodes``,
``PVE::API2::Cluster::BulkAction::Guest`` and ``PVE::VZDump``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

Action = Literal["start", "stop", "suspend", "migrate", "backup"]

ACTIONS: dict[str, Action] = {
    "startall": "start",
    "bulk-start": "start",
    "stopall": "stop",
    "bulk-shutdown": "stop",
    "suspendall": "suspend",
    "bulk-suspend": "suspend",
    "migrateall": "migrate",
    "bulk-migrate": "migrate",
    "vzdump": "backup",
}
"""What a task for many guests does with each, by its type."""

ResultState = Literal["begun", "ok", "failed", "skipped"]
"""``begun``: the log says nothing of the end. Most tasks name only the guests that failed, some not even these."""

MOST_GUESTS = 10_000
_LONGEST_LINE, _LONGEST_SAID = 500, 300
_WARN = r"(?:WARN: |ERROR: )?"
_GUEST = r"(?:VM|CT) (?P<vmid>[1-9][0-9]{2,8})"
_FAILED = re.compile(rf"{_WARN}(?:Starting|Stopping|Shutting down|Suspending|Migrating) {_GUEST} failed: (?P<said>.*)")
_BEGUN = re.compile(rf"(?:Starting|Stopping|Shutting down|Suspending|Migrating) {_GUEST}(?: \(.*)?")
_SKIPPED = re.compile(rf"{_WARN}[Ss]kipping (?:(?:VM|CT) )?(?P<vmid>[1-9][0-9]{{2,8}}), (?P<said>.*)")
_ALREADY = re.compile(rf"{_WARN}{_GUEST} (?P<said>already on \S{{1,63}}), skipping\.?")
_CONDITIONS = re.compile(rf"skip {_GUEST} - (?P<said>precondition check failed):?.*")
_CONDITION = re.compile(r" {2,}(?P<said>Has local .*)")
_BACKUP_BEGUN = re.compile(rf"INFO: Starting Backup of {_GUEST}(?: .*)?")
_BACKUP_DONE = re.compile(rf"INFO: Finished Backup of {_GUEST}(?: \((?P<said>[0-9:]+)\))?.*")
_BACKUP_FAILED = re.compile(rf"ERROR: Backup of {_GUEST} failed - (?P<said>.*)")
_NOT_HERE = re.compile(r"INFO: skip external VMs: (?P<vmids>[0-9, ]+)")


class GuestResult(Struct, frozen=True):
    """One guest of a task for many. ``said`` is from the log: the error, why it was left out, or the duration."""

    vmid: int
    state: ResultState
    said: str = ""


class GuestResults:
    """Collects the results while a log is read."""

    def __init__(self) -> None:
        self._results: dict[int, GuestResult] = {}
        self._in_doubt = 0

    def add(self, lines: Iterable[str]) -> None:
        """Read the next lines."""
        for line in lines:
            self._read(line.rstrip()[:_LONGEST_LINE])

    def all(self) -> tuple[GuestResult, ...]:
        """The results in the order of the guests' ids."""
        return tuple(self._results[vmid] for vmid in sorted(self._results))

    def _read(self, line: str) -> None:
        for pattern, state in _LINES:
            if found := pattern.fullmatch(line):
                said = found.groupdict().get("said") or ""
                self._keep(int(found["vmid"]), state, said.strip())
                self._in_doubt = int(found["vmid"]) if pattern is _CONDITIONS else 0
                return
        if found := _NOT_HERE.fullmatch(line):
            for vmid in found["vmids"].replace(",", " ").split():
                self._keep(int(vmid), "skipped", "not on this node")
        elif self._in_doubt and (found := _CONDITION.fullmatch(line)):
            said = self._results[self._in_doubt].said
            self._keep(self._in_doubt, "failed", f"{said}{'; ' if ': ' in said else ': '}{found['said']}")

    def _keep(self, vmid: int, state: ResultState, said: str) -> None:
        known = self._results.get(vmid)
        if known is None and len(self._results) >= MOST_GUESTS:
            return
        if known is not None and known.state == "failed" and state == "begun":
            return
        self._results[vmid] = GuestResult(vmid, state, said[:_LONGEST_SAID])


_LINES: tuple[tuple[re.Pattern[str], ResultState], ...] = (
    (_FAILED, "failed"),
    (_CONDITIONS, "failed"),
    (_BACKUP_FAILED, "failed"),
    (_BACKUP_DONE, "ok"),
    (_SKIPPED, "skipped"),
    (_ALREADY, "skipped"),
    (_BEGUN, "begun"),
    (_BACKUP_BEGUN, "begun"),
)
