from __future__ import annotations

import math

from cl100k import count_tokens
from proxmox_mcp.render import View, render
from proxmox_mcp.render.series import figure


def rrd(points: int) -> list[dict[str, float]]:
    return [
        {"time": 1_763_600_400 + 1800 * n, "cpu": 0.3 + 0.2 * math.sin(n), "mem": 4e9 + 1e6 * n, "maxmem": 2**33}
        for n in range(points)
    ]


def test_a_short_series_shows_every_point_under_its_summary() -> None:
    lines = render(rrd(5)).split("\n")
    assert lines[:3] == [
        "5 points from 2025-11-20 01:00 UTC to 2025-11-20 03:00 UTC, every 1800 s",
        "constant: maxmem=8589934592",
        "column min mean max",
    ]
    assert lines[3].startswith("cpu 0.1486 0.3")
    assert lines[5:7] == ["all points:", "time cpu mem"]
    assert len(lines) == 12


def test_a_long_series_is_thinned_to_means_with_minimum_mean_and_maximum_of_all() -> None:
    text = render(rrd(1500))
    assert count_tokens(text) <= 4000
    assert "means of" in text
    assert "cpu 0.1 0.3" in text
    assert text.count("\n") > 100


def test_a_dead_node_says_which_columns_have_no_data() -> None:
    points = [{"time": 60.0 * n, "cpu": None} for n in range(10)]
    assert "no data: cpu" in render(points)


def test_fields_narrow_a_series_and_limit_shows_its_raw_points() -> None:
    assert "mem" not in render(rrd(10), View.of("time,cpu"))
    assert "all: maxmem=8589934592\ntime cpu mem\n1763600400 0.3 4000000000.0" in render(rrd(10), View.of(limit=3))


def test_figures_have_four_significant_digits() -> None:
    assert [figure(n) for n in (0, 0.123456, 12.34567, 1234.567, 123456789, -98765.4)] == [
        "0",
        "0.1235",
        "12.35",
        "1235",
        "123500000",
        "-98770",
    ]
