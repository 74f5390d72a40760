"""What a number means: a size, a rate, a duration, a time, a share. Told by the schema, else by the field's name.

A name alone proves little (``size`` is the number of replicas of a Ceph pool): where the schema says nothing, a number
is read as a size or a time only if it is large enough to be one.
"""

# Tested through tests/render/test_legend.py.

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any


class Quantity(StrEnum):
    """The meaning and unit of a number as Proxmox sends it."""

    BYTES = "bytes"
    KIB = "KiB"
    MIB = "MiB"
    RATE = "bytes/s"
    KIB_RATE = "KiB/s"
    MIB_RATE = "MiB/s"
    SECONDS = "seconds"
    MINUTES = "minutes"
    NANOSECONDS = "nanoseconds"
    TIME = "epoch"
    WALL_TIME = "wall time"
    """The wall clock of the node written as if it were UTC (``localtime`` of ``/nodes/{node}/time``)."""
    FRACTION = "fraction"
    PERCENT = "percent"


BYTES_IN = {
    Quantity.BYTES: 1,
    Quantity.KIB: 2**10,
    Quantity.MIB: 2**20,
    Quantity.RATE: 1,
    Quantity.KIB_RATE: 2**10,
    Quantity.MIB_RATE: 2**20,
}
RATES = frozenset({Quantity.RATE, Quantity.KIB_RATE, Quantity.MIB_RATE})
SECONDS_IN = {Quantity.SECONDS: 1.0, Quantity.MINUTES: 60.0, Quantity.NANOSECONDS: 1e-9}
TIMES = frozenset({Quantity.TIME, Quantity.WALL_TIME})

OF_RENDERER = {
    "bytes": Quantity.BYTES,
    "duration": Quantity.SECONDS,
    "timestamp": Quantity.TIME,
    "timestamp_gmt": Quantity.WALL_TIME,
    "fraction_as_percentage": Quantity.FRACTION,
}
"""Proxmox's own renderers (``PVE::CLIFormatter``)."""
OF_UNIT = {str(quantity): quantity for quantity in Quantity}
"""The units of ``apidoc/facts.py``."""

_NAMES: dict[str, Quantity] = {
    **dict.fromkeys(("cpu", "wait", "iowait", "iodelay", "idle", "used_fraction"), Quantity.FRACTION),
    **dict.fromkeys(("uptime", "duration"), Quantity.SECONDS),
    **dict.fromkeys(("frag", "wearout"), Quantity.PERCENT),
    "localtime": Quantity.WALL_TIME,
}
_TIME = re.compile(
    r"(?:.*time|.*(?:^|[-_.])(?:timestamp|epoch|expires?|expiry|created|modified|updated?|until|since"
    r"|last[-_](?:run|sync|try|update|seen)|next[-_](?:run|sync)|date|stamp)|notbefore|notafter)"
)
_BYTES = re.compile(
    r"(?:max|host|free|total|used|swap)?(?:mem|memory|disk|swap)(?:host|free|used|total|available|swap)?"
    r"|(?:root|arc)?(?:size|total|used|free|avail|available|max_avail|alloc|allocated|freeable)"
    r"|.*(?:^|[-_])bytes(?:$|[-_](?!(?:sec|per)).*)|.*[a-z]bytes|(?:net|disk)(?:in|out|read|write)"
    r"|(?:max|total|free)_mem|mem_(?:swapped_in|swapped_out|usage)|(?:.*_)?size|(?:lv|metadata|thin)_used"
    r"|(?:total|used|free|avail|available)_space"
    r"|actual|shared|balloon(?:_min)?|arcsize|target_size|approximate-size|capacity"
)
_KIB = re.compile(r".*_kb|kb_.*|.*_kib")
_RATE = re.compile(r".*bytes[-_](?:sec|per_sec)")
_NANOSECONDS = re.compile(r".*_ns")
_PRESSURE = re.compile(r"pressure(?:cpu|io|memory)(?:some|full)")
_RATES_IN_SERIES = frozenset({"netin", "netout", "diskread", "diskwrite"})

_EARLIEST, _LATEST = 5e8, 1e10
"""Epochs that a field's name alone can tell: from 1985 to 2286. An uptime is never as large."""
_SMALLEST_SIZE = 2**20
"""Below this, a number without a unit in the schema may count something else (pages, replicas, MiB)."""
_SMALLEST_AMBIGUOUS = 2**24
_IN_MIB = frozenset({"memory", "balloon", "swap", "shares"})
"""In configurations these count MiB, in the state of a guest bytes; no guest has 16 TiB of memory."""


def quantity_by_name(field: str, value: float) -> Quantity | None:
    """The meaning of a number by the name of its field (the last part of a dotted one); None if it tells nothing."""
    name = field.rpartition(".")[2]
    known = _NAMES.get(name)
    if known is None:
        known = Quantity.PERCENT if _PRESSURE.fullmatch(name) else _of_size_or_time(name, value)
    if known is Quantity.FRACTION and not 0 <= value <= _MOST_FRACTION:
        return None
    return known


_MOST_FRACTION = 64
"""``cpu`` of a guest may be above 1 for a moment; ``idle`` in the thousands counts something else."""


def _of_size_or_time(name: str, value: float) -> Quantity | None:
    if _EARLIEST <= value < _LATEST and _TIME.fullmatch(name):
        return Quantity.TIME
    if value >= 1000 and _NANOSECONDS.fullmatch(name):
        return Quantity.NANOSECONDS
    if _RATE.fullmatch(name):
        return Quantity.RATE
    if _KIB.fullmatch(name):
        return Quantity.KIB
    least = _SMALLEST_AMBIGUOUS if name in _IN_MIB else _SMALLEST_SIZE
    return Quantity.BYTES if value >= least and _BYTES.fullmatch(name) else None


def is_named_for_time(field: str) -> bool:
    """Whether the name of a field says that it holds a time: then 0 is not a date."""
    return _TIME.fullmatch(field.rpartition(".")[2]) is not None


def in_series(field: str, quantity: Quantity | None) -> Quantity | None:
    """The meaning of a column of a time series: counters of traffic come as rates (``PVE::RRD``)."""
    return Quantity.RATE if field in _RATES_IN_SERIES else quantity


def number_of(value: Any) -> float | None:
    """A number, or a text of digits (Proxmox sends both), as a number; None for anything else."""
    if isinstance(value, (int, float)):
        return value if abs(value) < _LARGEST and not isinstance(value, bool) else None
    if isinstance(value, str) and 0 < len(value) < _LONGEST and value.isascii() and value.isdecimal():
        return int(value)
    return None


_LARGEST = 1e21
_LONGEST = 21
