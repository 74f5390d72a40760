"""Values with units: parsed from a filter (``8G``, ``3d4h``, ``now-30d``), formatted for a model (``3d4h``, ``12/32``).

Sizes are binary (1 GiB = 2**30 bytes), as everywhere in Proxmox VE.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s?([KMGTPkgtp])(?:i?[Bb])?|([0-9]+(?:\.[0-9]+)?)\s?(M)(?:i?[Bb])?")
_DURATION = re.compile(
    r"(?:([0-9]{1,15})w)?(?:([0-9]{1,15})d)?(?:([0-9]{1,15})h)?(?:([0-9]{1,15})m(?:in)?)?(?:([0-9]{1,15})s)?"
)
_DURATION_SECONDS = (604_800, 86_400, 3_600, 60, 1)
_POWERS: dict[str, int] = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}

GIB = 2**30


def parse_size(text: str) -> float | None:
    """The bytes of ``8G``, ``512MiB``, ``1.5T``; None if the text is not a size (a number without a unit is not)."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    number, unit = (match[1], match[2]) if match[1] else (match[3], match[4])
    return float(number) * _POWERS[unit.upper()]


def parse_duration(text: str) -> float | None:
    """The seconds of ``3d4h``, ``90m``, ``2w``; None if the text is not a duration."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        return None
    return float(sum(int(n) * s for n, s in zip(match.groups(), _DURATION_SECONDS, strict=True) if n))


def parse_moment(text: str, now: float) -> float | None:
    """The epoch of ``now``, ``now-30d``, ``2026-10-01`` or ``2026-10-01T12:30`` (UTC unless an offset is given)."""
    if text == "now":
        return now
    if text.startswith("now-"):
        age = parse_duration(text[4:])
        return None if age is None else now - age
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def short_duration(seconds: float) -> str:
    """``45s``, ``12m``, ``3h20m``, ``3d4h``, ``71d``: two units if the first is small."""
    left = int(seconds)
    for (size, unit), (next_size, next_unit) in zip(
        ((86_400, "d"), (3_600, "h")), ((3_600, "h"), (60, "m")), strict=True
    ):
        if left >= size:
            number, rest = divmod(left, size)
            following = rest // next_size
            return f"{number}{unit}{following}{next_unit}" if number < 7 and following else f"{number}{unit}"
    return f"{left // 60}m" if left >= 60 else f"{left}s"


def gib(size: float) -> str:
    """Bytes in GiB, without the unit; at most three digits below 1000 (``0.25``, ``7.9``, ``14``, ``2048``)."""
    number = size / GIB
    text = f"{number:.0f}" if number >= 10 else f"{number:.1f}" if number >= 1 else f"{number:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment_text(epoch: float) -> str:
    """An epoch as ``2026-10-01 12:30 UTC``."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M UTC")
