"""Calendar events in systemd syntax (not cron), as the Rust crate ``proxmox-time`` parses them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.formats.definition import Format
from proxmox_mcp.apidoc.validation.perl import SPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NAMED = frozenset(
    [
        "minutely",
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "yearly",
        "annually",
        "quarterly",
        "semiannually",
        "semi-annually",
    ]
)
_DAYS = frozenset(
    [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
    ]
)

_BLANKS = "".join(re.findall(f"[{SPACE}]", "".join(map(chr, range(0x3001)))))
"""Blanks to strip from both ends: a pattern such as ``\\s+$`` would take quadratic time on many blanks."""
_word = re.compile(r"[A-Za-z]*")
_digits = re.compile(r"[0-9]+")

_LONGEST_NUMBER = 4
_YEAR, _MONTH, _DAY, _HOUR, _MINUTE = 2200, 13, 32, 24, 60


class _NoMatch(Exception):  # noqa: N818
    """The text does not continue as expected."""


class _Text:
    """A text that is parsed from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def take(self, what: str) -> bool:
        """Skip ``what`` if it comes next."""
        if not self.text.startswith(what, self.position):
            return False
        self.position += len(what)
        return True

    def expect(self, what: str) -> None:
        if not self.take(what):
            raise _NoMatch

    def skip_blanks(self) -> None:
        while self.take(" ") or self.take("\t"):
            pass

    def number(self, below: int) -> int:
        """A decimal number below a limit."""
        digits = _digits.match(self.text, self.position)
        if digits is None:
            raise _NoMatch
        significant = digits[0].lstrip("0") or "0"
        if len(significant) > _LONGEST_NUMBER or int(significant) >= below:
            raise _NoMatch
        self.position = digits.end()
        return int(significant)


def is_calendar_event(text: str) -> bool:
    """Whether ``pve-calendar-event`` accepts the text."""
    event = text.strip(_BLANKS)
    if event.endswith("UTC"):
        event = event.removesuffix("UTC").rstrip(" ")
    if event in _NAMED:
        return True
    reader = _Text(event)
    try:
        days = event[:1].isascii() and event[:1].isalpha()
        if days:
            _read_days(reader)
            reader.skip_blanks()
        date = _try(reader, _read_date)
        if date:
            reader.skip_blanks()
        time = _try(reader, _read_time)
    except _NoMatch:
        return False
    return (days or date or time) and reader.position == len(event)


def _try(reader: _Text, read: Callable[[_Text], None]) -> bool:
    start = reader.position
    try:
        read(reader)
    except _NoMatch:
        reader.position = start
        return False
    return True


def _read_days(reader: _Text) -> None:
    _read_list(reader, _read_day_range)


def _read_day_range(reader: _Text) -> None:
    _read_day(reader)
    _try(reader, _read_end_of_days)


def _read_end_of_days(reader: _Text) -> None:
    reader.expect("..")
    _read_day(reader)


def _read_day(reader: _Text) -> None:
    word = _word.match(reader.text, reader.position)
    if word is None or word[0].lower() not in _DAYS:
        raise _NoMatch
    reader.position = word.end()


def _read_date(reader: _Text) -> None:
    """``year-month-day`` or ``month-day``."""
    if _try(reader, _read_full_date):
        return
    _read_parts(reader, _MONTH)
    reader.expect("-")
    _read_parts(reader, _DAY)


def _read_full_date(reader: _Text) -> None:
    _read_parts(reader, _YEAR)
    reader.expect("-")
    _read_parts(reader, _MONTH)
    reader.expect("-")
    _read_parts(reader, _DAY)


def _read_time(reader: _Text) -> None:
    """``[hour:]minute[:second]``."""
    _try(reader, _read_hour)
    _read_parts(reader, _MINUTE)
    _try(reader, _read_second)


def _read_hour(reader: _Text) -> None:
    _read_parts(reader, _HOUR)
    reader.expect(":")


def _read_second(reader: _Text) -> None:
    reader.expect(":")
    _read_parts(reader, _MINUTE)


def _read_parts(reader: _Text, below: int) -> None:
    """``*``, ``*/n``, or values, ranges (``a..b``) and repetitions (``a/n``) joined by commas."""
    if not reader.take("*"):
        _read_list(reader, lambda each: _read_part(each, below))
        return
    start = reader.position
    if reader.take("/") and reader.number(below) == 0:
        reader.position = start


def _read_part(reader: _Text, below: int) -> None:
    first = reader.number(below)
    start = reader.position
    if reader.take(".."):
        try:
            last = reader.number(below)
        except _NoMatch:
            reader.position = start
        else:
            if first > last:
                raise _NoMatch
    if reader.take("/"):
        reader.number(below)


def _read_list(reader: _Text, read: Callable[[_Text], None]) -> None:
    """One or more, joined by commas; a comma without a value after it is not consumed."""
    read(reader)
    while True:
        start = reader.position
        if not reader.take(","):
            return
        if not _try(reader, read):
            reader.position = start
            return


CALENDAR: Mapping[str, Format] = {
    "pve-calendar-event": Format(
        is_calendar_event,
        "a calendar event in systemd syntax (not cron), such as daily, 02:30, */15 or mon..fri 22:00",
    )
}
