"""The progress of a task, from the lines that Proxmox's programs write to its log.

Disks that are copied (qemu-img, drive-mirror), backups (vzdump, older and newer), restores, migrations (older and
newer), downloads (wget), rsync.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_UNITS = {"": 1, "B": 1, "K": 2**10, "KIB": 2**10, "KB": 10**3, "M": 2**20, "MIB": 2**20, "MB": 10**6, "G": 2**30}
_UNITS |= {"GIB": 2**30, "GB": 10**9, "T": 2**40, "TIB": 2**40, "TB": 10**12}

_SIZE = r"(\d+(?:\.\d+)?)\s*([KMGT]?i?B?)"
_PERCENT = r"(?P<percent>\d{1,3}(?:\.\d+)?)"

_PERCENTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"transferred\W.*\({_PERCENT}\s?%\)",  # clone and move of a disk, drive-mirror
        rf"progression:\s*{_PERCENT}\s?%",  # drive-mirror before 6.4
        rf"^INFO:\s+(?:status:\s+)?{_PERCENT}%\s*\(",  # vzdump
        rf"^progress {_PERCENT}% \(",  # restore of a VM
        rf"^\s*\d+[KMG]?[ .]+{_PERCENT}%\s",  # wget
        rf"^\s*[\d,.]+[KMGT]?\s+{_PERCENT}%\s+[\d.]+\w+/s",  # rsync
        rf"\({_PERCENT}\s?%(?: done)?\)",  # qemu-img, storage imports
        rf"^\s*{_PERCENT}% (?:complete|done)",
    )
)
_RATIOS = (
    re.compile(rf"transferred {_SIZE} of {_SIZE}", re.IGNORECASE),  # migration active
    re.compile(r"transferred (\d+)(), remaining \d+\), total (\d+)()"),  # migration before 6.4
)
_WARNING = re.compile(r"^(?:(?:INFO|syslog\[\w+\]):?\s+)?WARN(?:ING)?S?\b:?\s*(?P<text>.*)", re.IGNORECASE)
_NOISE = re.compile(r"^(?:TASK (?:OK|ERROR|WARNINGS)\b|syslog\[|no content$)")


_LONGEST_LINE = 500
"""Characters of a line that are looked at: no program writes longer ones of its progress, and patterns with several
parts of any length may take more than linear time."""


def fraction(lines: Iterable[str]) -> float | None:
    """The share that is done (0 to 1), from the last line with a number; None if no line has one.

    It drops when a task continues with its next disk or guest.
    """
    for line in reversed(list(lines)):
        found = _of_line(line)
        if found is not None:
            return found
    return None


def _of_line(line: str) -> float | None:
    line = line[:_LONGEST_LINE]
    for pattern in _PERCENTS:
        if found := pattern.search(line):
            return min(float(found["percent"]) / 100, 1.0)
    for pattern in _RATIOS:
        if found := pattern.search(line):
            done, unit, whole, whole_unit = found.groups()
            total = float(whole) * _UNITS.get(whole_unit.upper(), 1)
            return min(float(done) * _UNITS.get(unit.upper(), 1) / total, 1.0) if total else None
    return None


def warnings(lines: Iterable[str]) -> list[str]:
    """The warnings in a log, without the prefix that marks them."""
    found = (_WARNING.match(line.strip()) for line in lines if not line.startswith("TASK "))
    return [match["text"].strip() for match in found if match and match["text"].strip()]


def last_words(lines: Sequence[str]) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(lines) if line.strip() and not _NOISE.match(line.strip())), "")
