"""The load of a node over time, as ``/nodes/{node}/rrddata`` has it: the same for the same minute at every call."""

from __future__ import annotations

import math
import zlib
from typing import Any

_STEPS = {"hour": 60, "day": 1800, "week": 10800, "month": 43200, "year": 604800}
_POINTS = 70


def load_history(figures: dict[str, Any], name: str, timeframe: str, now: float) -> list[dict[str, Any]]:
    """Rows that swing around the node's ``figures`` of now, the newest last."""
    step = _STEPS.get(timeframe, 60)
    newest = int(now) // step
    return [_row(figures, name, (newest - place) * step, step) for place in reversed(range(_POINTS))]


def _row(figures: dict[str, Any], name: str, time: int, step: int) -> dict[str, Any]:
    swing = _swing(name, time // step)
    cpu = min(0.98, max(0.01, figures["cpu"] * (1 + 0.45 * swing)))
    memory = min(0.97, figures["mem"] / figures["maxmem"] * (1 + 0.04 * _swing(f"{name} memory", time // step)))
    return {
        "time": time,
        "cpu": cpu,
        "maxcpu": figures["maxcpu"],
        "iowait": 0.002 + 0.004 * abs(swing),
        "loadavg": cpu * figures["maxcpu"],
        "memtotal": figures["maxmem"],
        "memused": memory * figures["maxmem"],
        "netin": 2.1e6 * (1 + 0.3 * swing),
        "netout": 3.4e6 * (1 + 0.3 * swing),
        "roottotal": figures["maxdisk"],
        "rootused": figures["disk"],
        "swaptotal": 8 << 30,
        "swapused": 0,
    }


def _swing(name: str, place: int) -> float:
    """From -1 to 1: two waves of the node's own, and some noise."""
    seed = zlib.crc32(name.encode()) % 97
    noise = (zlib.crc32(f"{name} {place}".encode()) % 1000) / 1000 - 0.5
    return 0.55 * math.sin(place / 9 + seed) + 0.25 * math.sin(place / 3.1 + 2 * seed) + 0.4 * noise
