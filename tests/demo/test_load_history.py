"""The load of a node over time: the same for the same minute, and around what the node says now."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from proxmox_mcp.demo.load_history import load_history

FIGURES: dict[str, Any] = {"cpu": 0.4, "mem": 60, "maxmem": 100, "maxcpu": 8, "maxdisk": 50, "disk": 20}
NOW = 1_800_000_042.0


@pytest.mark.parametrize(
    ("timeframe", "step"), [("hour", 60), ("day", 1800), ("week", 10800), ("month", 43200), ("year", 604800)]
)
def test_rows_are_as_far_apart_as_proxmox_has_them_and_the_newest_is_last(timeframe: str, step: int) -> None:
    times = [row["time"] for row in load_history(FIGURES, "pve1", timeframe, NOW)]
    assert {late - early for early, late in pairwise(times)} == {step}
    assert NOW - step < times[-1] <= NOW
    assert all(time % step == 0 for time in times)


def test_a_minute_has_the_same_load_whenever_it_is_asked_for() -> None:
    first = {row["time"]: row for row in load_history(FIGURES, "pve1", "hour", NOW)}
    later = {row["time"]: row for row in load_history(FIGURES, "pve1", "hour", NOW + 600)}
    both = first.keys() & later.keys()
    assert len(both) == len(first) - 10
    assert all(first[time] == later[time] for time in both)


def test_the_load_swings_around_that_of_now_within_what_there_is() -> None:
    rows = load_history(FIGURES, "pve1", "day", NOW)
    loads = [row["cpu"] for row in rows]
    assert min(loads) < FIGURES["cpu"] < max(loads)
    assert all(0 < row["cpu"] < 1 and 0 < row["memused"] < row["memtotal"] for row in rows)
    assert all(row["loadavg"] == row["cpu"] * 8 for row in rows)
    busy = load_history({**FIGURES, "cpu": 5.0}, "pve1", "day", NOW)
    assert max(row["cpu"] for row in busy) == 0.98
    assert loads != [row["cpu"] for row in load_history(FIGURES, "pve2", "day", NOW)]
