"""What is kept of a task's log while it is read: its last lines, the errors and warnings anywhere in it,
the archives of a backup, and the guests of a task for many."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

from proxmox_mcp.proxmox.guest_results import ACTIONS, GuestResult, GuestResults
from proxmox_mcp.proxmox.progress import warnings

if TYPE_CHECKING:
    from collections.abc import Sequence

TAIL = 100
WARNING_LINES = 20
FIRST_ERRORS, LAST_ERRORS = 4, 8
"""Lines with errors that are kept: the first name the cause more often than the last, which tell what was given up."""
ARCHIVES = 100
_LONGEST_LINE = 500

_ARCHIVE = re.compile(r"creating (?:vzdump|Proxmox Backup Server) archive '([^']+)'")
_ERROR = re.compile(
    r"^(?:ERROR|TASK ERROR|syslog\[(?:err|crit|alert|emerg)\])|\berrors?\b|\bfail(?:ed|ure)?\b|\bfatal\b|\bcannot\b|"
    r"\bcan't\b|\bcouldn't\b|\bunable to\b|\bdenied\b|\brefused\b|\btimed out\b|\btimeout\b|\bno space left\b|"
    r"\bno such\b|\bnot found\b|\bdoes not exist\b|\bdoesn't exist\b|\balready exists\b|\babort(?:ed|ing)?\b|"
    r"\bis locked\b|\bout of memory\b|\bunexpected\b|\binvalid\b|\bkilled\b|\bno route to host\b",
    re.IGNORECASE,
)
_NO_ERROR = re.compile(
    r"\b(?:0|no|zero) errors?\b|\berrors?[:=] ?0\b|^INFO: Failed at |\(startup delay\)|timeout = ", re.IGNORECASE
)


def tells_of_an_error(line: str) -> bool:
    """Whether a line of a log says that something went wrong."""
    line = line[:_LONGEST_LINE]
    return _ERROR.search(line) is not None and _NO_ERROR.search(line) is None


class TaskLog:
    """One log, from its first line on."""

    def __init__(self, task_type: str) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL)
        self.warnings: list[str] = []
        self.archives: dict[str, None] = {}
        self._first_errors: list[str] = []
        self._last_errors: deque[str] = deque(maxlen=LAST_ERRORS)
        self._errors = 0
        self._guests = GuestResults() if task_type in ACTIONS else None

    def add(self, lines: Sequence[str]) -> None:
        """Read the next lines."""
        self.tail.extend(lines)
        self.warnings += warnings(lines)[: WARNING_LINES - len(self.warnings)]
        if self._guests is not None:
            self._guests.add(lines)
        for line in lines:
            if tells_of_an_error(line) and line not in self._last_errors:
                self._keep_error(line)
            if len(self.archives) < ARCHIVES and (found := _ARCHIVE.search(line[:_LONGEST_LINE])):
                self.archives[found[1]] = None

    def _keep_error(self, line: str) -> None:
        self._errors += 1
        if len(self._first_errors) < FIRST_ERRORS:
            self._first_errors.append(line)
        else:
            self._last_errors.append(line)

    @property
    def errors(self) -> tuple[str, ...]:
        """The lines that tell of errors, in their order: the first and the last of many."""
        return (*self._first_errors, *self._last_errors)

    @property
    def errors_left_out(self) -> int:
        """How many of them are not kept."""
        return self._errors - len(self._first_errors) - len(self._last_errors)

    @property
    def guests(self) -> tuple[GuestResult, ...]:
        """What the log tells of each guest, where the task is one for many."""
        return self._guests.all() if self._guests is not None else ()
