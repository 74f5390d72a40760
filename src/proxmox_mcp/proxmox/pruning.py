"""Which backups of one guest a retention removes, as Proxmox decides it (``PVE::Storage::Plugin``,
``prune_mark_backup_group``; a backup server has the same rules).

Each ``keep-*`` in its order keeps the newest backup of as many hours, days or weeks as it says; those in which an
earlier one already keeps a backup don't count.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import tzinfo

_LATEST = 250_000_000_000
"""Seconds, in the year 9892: some zones have no later dates."""


class Backup(Struct, frozen=True):
    """One backup that a retention may remove, so not a protected one. ``made`` is an epoch in seconds."""

    volume: str
    guest: str
    made: int


_PERIODS: Mapping[str, Callable[[datetime], object]] = {
    "keep-last": lambda at: at,
    "keep-hourly": lambda at: (at.date(), at.hour),
    "keep-daily": lambda at: at.date(),
    "keep-weekly": lambda at: at.isocalendar()[:2],
    "keep-monthly": lambda at: (at.year, at.month),
    "keep-yearly": lambda at: at.year,
}


def can_be_dated(epoch: object) -> bool:
    """Whether this is a time that a backup can have."""
    return isinstance(epoch, int) and 0 <= epoch < _LATEST


def removed(backups: Iterable[Backup], keep: Mapping[str, int], zone: tzinfo) -> list[Backup]:
    """The backups of one guest that are removed, newest first; empty if ``keep`` has no number, or ``keep-all``.

    ``zone`` is the node's, whose days and weeks they are.
    """
    if keep.get("keep-all") or not any(keep.values()):
        return []
    newest_first = sorted(backups, key=lambda each: each.made, reverse=True)
    times = [datetime.fromtimestamp(each.made, zone) for each in newest_first]
    stays: dict[int, bool] = {}
    for name, period in _PERIODS.items():
        number = keep.get(name, 0)
        periods = [period(at) for at in times] if number else []
        before = {periods[place] for place, kept in stays.items() if kept} if number else set()
        newly: set[object] = set()
        for place, when in enumerate(periods):
            if place in stays or when in before:
                continue
            if when in newly:
                stays[place] = False
            elif len(newly) < number:
                newly.add(when)
                stays[place] = True
            else:
                break
    return [each for place, each in enumerate(newest_first) if not stays.get(place)]
