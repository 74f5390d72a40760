from __future__ import annotations

import math

from cl100k import count_tokens
from proxmox_mcp.render import Clock, Legend, View, render


def rrd(points: int) -> list[dict[str, float]]:
    return [
        {"time": 1_763_600_400 + 1800 * n, "cpu": 0.3 + 0.2 * math.sin(n), "mem": 4e9 + 1e6 * n, "maxmem": 2**33}
        for n in range(points)
    ]


def test_a_short_series_shows_every_point_under_its_summary() -> None:
    lines = render(rrd(5)).split("\n")
    assert lines[:3] == [
        "5 points from 2025-11-20 01:00 to 2025-11-20 03:00, every 30m",
        "constant: maxmem/GiB=8",
        "column min mean max",
    ]
    assert lines[3].startswith("cpu% 14.9 3")
    assert lines[4] == "mem/GiB 3.73 3.73 3.73"
    assert lines[5:7] == ["all points:", "time cpu% mem/GiB"]
    assert [line.split(" ")[0] for line in lines[7:]] == [
        "2025-11-20T01:00",
        "01:30",
        "02:00",
        "02:30",
        "03:00",
        "(now",
    ]


def test_a_long_series_is_thinned_to_means_with_minimum_mean_and_maximum_of_all() -> None:
    text = render(rrd(1500))
    assert count_tokens(text) <= 4000
    assert "means of" in text
    assert "cpu% 10 30" in text
    assert text.count("\n") > 100


def test_a_dead_node_says_which_columns_have_no_data() -> None:
    points = [{"time": 60.0 * n, "cpu": None} for n in range(10)]
    assert "no data: cpu" in render(points)


def test_fields_narrow_a_series_and_limit_shows_its_raw_points() -> None:
    assert "mem" not in render(rrd(10), View.of("time,cpu"))
    points = render(rrd(10), View.of(limit=3), legend=Legend(clock=Clock(1_763_611_200)))
    assert "all: maxmem=8GiB\ntime(age) cpu% mem/GiB\n2025-11-20T01:00(3h) 30 3.73" in points


def test_raw_gives_the_numbers_of_a_series_as_they_were_sent() -> None:
    text = render(rrd(5), View.of(raw=True))
    assert "5 points from 1763600400 to 1763607600" in text
    assert "constant: maxmem=8589934592" in text
    assert "\n1763600400 0.3 4000000000.0\n" in text


def test_traffic_in_a_series_is_a_rate() -> None:
    points = [{"time": 1_763_600_400 + 60 * n, "netin": 1e6 * n, "diskwrite": 0.5 * n} for n in range(5)]
    assert "\ntime netin/MiB/s diskwrite/B/s\n" in render(points)
