"""Which guests lack a fresh backup: the age of their last one, and the schedules of the jobs that cover them.

A job covers guests by list, pool or all but some, on any node or one (``PVE::VZDump::get_included_guests``). Jobs that
are switched off cover nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.proxmox.problems.cluster_checks import guest_names
from proxmox_mcp.proxmox.problems.model import ClusterProblem
from proxmox_mcp.proxmox.records import Record, flag, number, text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

DAY = 86_400
_LATE = 1.0
"""Days after which a backup that its job should have made is late: a run may take all night, or start late."""
_UNKNOWN_RHYTHM = 7.0

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMED = {"minutely": 1.0, "hourly": 1.0, "daily": 1.0, "weekly": 7.0, "monthly": 31.0, "quarterly": 92.0}
_NAMED |= {"semiannually": 184.0, "semi-annually": 184.0, "yearly": 366.0, "annually": 366.0}
_DAY_OF_MONTH = re.compile(r"[0-9*,./]+-[0-9*,./]+(?:-[0-9*,./]+)?")
_LONGEST_SCHEDULE = 128
"""``PVE::JSONSchema``: ``maxLength`` of a job's schedule."""


class Backups(Struct, frozen=True):
    """The last backup of each guest by id, in seconds since 1970. ``unknown_of``: nodes whose guests may have others,
    on a storage that could not be read."""

    newest: Mapping[str, float]
    unknown_of: Collection[str] = ()

    @classmethod
    def of(cls, entries: Sequence[Record], unknown_of: Collection[str] = ()) -> Backups:
        """From the contents of storages, asked for backups only."""
        newest: dict[str, float] = {}
        for entry in entries:
            vmid, made = text(entry, "vmid"), number(entry, "ctime")
            if vmid and made is not None:
                newest[vmid] = max(made, newest.get(vmid, 0.0))
        return cls(newest, unknown_of)


def backup_problems(
    guests: Sequence[Record],
    jobs: Sequence[Record] | None,
    without_job: Collection[str] | None,
    backups: Backups,
    now: float,
) -> Iterator[ClusterProblem]:
    """Guests in no job, without a backup, or whose last backup is older than their jobs allow. Templates are left out.

    ``jobs`` and ``without_job`` (ids) are None where they could not be read. Nothing is said of the age where a storage
    was not read: the backup that is missed may be there.
    """
    for guest in guests:
        vmid = text(guest, "vmid")
        if not vmid or flag(guest, "template"):
            continue
        rhythms = [days_between(text(job, "schedule")) for job in jobs or () if _covers(job, guest)]
        uncovered = vmid in without_job if without_job is not None else jobs is not None and not rhythms
        last = backups.newest.get(vmid)
        if uncovered:
            yield ClusterProblem(
                kind="no-backup-job",
                severity="warning",
                names=guest_names(guest),
                when=last,
                look="/cluster/backup-info/not-backed-up",
            )
        elif text(guest, "node") in backups.unknown_of:
            continue
        elif last is None:
            yield ClusterProblem(kind="no-backup", severity="warning", names=guest_names(guest), look="/cluster/backup")
        elif now - last > (min(rhythms, default=_UNKNOWN_RHYTHM) + _LATE) * DAY:
            yield ClusterProblem(
                kind="old-backup", severity="warning", names=guest_names(guest), when=last, look="/cluster/backup"
            )


def days_between(schedule: str) -> float:
    """The longest time in days between two runs of a calendar event, at least a day: ``sat 02:00`` is 7, ``daily`` 1,
    ``mon..fri`` 3, ``*-1`` 31. An unknown form counts as a week."""
    words = schedule.lower()[:_LONGEST_SCHEDULE].split()
    if not words:
        return _UNKNOWN_RHYTHM
    if words[0] in _NAMED:
        return _NAMED[words[0]]
    if any(_DAY_OF_MONTH.fullmatch(word) for word in words):
        return 31.0
    if not words[0][0].isalpha():
        return 1.0
    days = _weekdays(words[0])
    if not days:
        return _UNKNOWN_RHYTHM
    return float(max((after - day - 1) % 7 + 1 for day, after in zip(days, [*days[1:], days[0]], strict=True)))


def _weekdays(text_: str) -> list[int]:
    """The days of ``mon..wed,sat``, as numbers in order."""
    days: set[int] = set()
    for part in text_.split(","):
        first, _, last = part.partition("..")
        if first[:3] in _WEEKDAYS and (not last or last[:3] in _WEEKDAYS):
            start = _WEEKDAYS.index(first[:3])
            end = _WEEKDAYS.index(last[:3]) if last else start
            days.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return sorted(days)


def _covers(job: Record, guest: Record) -> bool:
    if text(job, "type") not in ("", "vzdump") or not flag(job, "enabled", default=True):
        return False
    node = text(job, "node")
    if node and node != text(guest, "node"):
        return False
    if flag(job, "all"):
        return text(guest, "vmid") not in _ids(text(job, "exclude"))
    if pool := text(job, "pool"):
        return pool == text(guest, "pool")
    return text(guest, "vmid") in _ids(text(job, "vmid"))


def _ids(listed: str) -> set[str]:
    return set(re.split(r"[\s,;]+", listed))
