"""When a job runs next, for the calendar events that people write: ``02:00``, ``daily``, ``mon..fri 22:30``."""

from __future__ import annotations

from datetime import datetime, timedelta

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMED = {"minutely": "*:*", "hourly": "*:00", "daily": "00:00", "weekly": "mon 00:00"}
_HORIZON_MINUTES = 8 * 24 * 60


def next_run(event: str, now: datetime) -> int | None:
    """The time of the next run in seconds since 1970; None for an event of another form."""
    parts = _NAMED.get(event.strip(), event.strip().removeprefix("*-*-* ")).split()
    clock = parts.pop() if parts and parts[-1][0] in "*0123456789" else "00:00"
    try:
        days = _days(" ".join(parts))
        hours, minutes = _clock(clock)
    except ValueError:
        return None
    moment = now.replace(second=0, microsecond=0)
    for _ in range(_HORIZON_MINUTES):
        moment += timedelta(minutes=1)
        if moment.minute in minutes and moment.hour in hours and moment.weekday() in days:
            return int(moment.timestamp())
    return None


def _days(text: str) -> set[int]:
    days: set[int] = set()
    for part in text.replace(",", " ").split():
        first, dots, last = part.lower().partition("..")
        start, end = _day(first), _day(last if dots else first)
        days |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
    return days or set(range(7))


def _day(name: str) -> int:
    return _DAYS.index(name[:3])


def _clock(text: str) -> tuple[set[int], set[int]]:
    hour, colon, rest = text.partition(":")
    if not colon:
        hour, rest = "*", text
    return _numbers(hour, 24), _numbers(rest.partition(":")[0], 60)


def _numbers(text: str, limit: int) -> set[int]:
    numbers: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dots, last = span.partition("..")
        start = 0 if first == "*" else int(first)
        end = int(last) if dots else limit - 1 if first == "*" or slash else start
        numbers |= set(range(start, end + 1, int(step) if slash else 1))
    return numbers
