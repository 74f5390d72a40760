from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.render.units import gib, number_of, parse_duration, parse_moment, parse_size, short_duration

GIB = 2**30


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (12_000, "3h20m"), (36_000, "10h")),
        *((86_400, "1d"), (273_600, "3d4h"), (604_800, "7d"), (6_140_000, "71d")),
    ],
)
def test_a_duration_reads_in_its_two_largest_units_while_it_is_short(seconds: int, text: str) -> None:
    assert short_duration(seconds) == text


@pytest.mark.parametrize(
    ("gibibytes", "text"),
    [(0, "0"), (0.25, "0.25"), (0.5, "0.5"), (1, "1"), (7.94, "7.9"), (14.2, "14"), (2048, "2048")],
)
def test_a_size_reads_in_gib(gibibytes: float, text: str) -> None:
    assert gib(gibibytes * GIB) == text


def test_a_size_is_binary_and_needs_a_unit() -> None:
    assert parse_size("8G") == parse_size("8GiB") == parse_size("8192M") == 8 * GIB
    assert parse_size("1.5t") == 1.5 * 2**40
    assert parse_size("8") is None
    assert parse_size("8m") is None
    assert parse_size("G") is None


def test_a_duration_may_join_units() -> None:
    assert parse_duration("1w2d3h4m5s") == 604_800 + 2 * 86_400 + 3 * 3600 + 4 * 60 + 5
    assert parse_duration("90min") == 5400
    assert parse_duration("") is None
    assert parse_duration("5") is None


def test_a_moment_is_a_date_or_a_time_before_now() -> None:
    assert parse_moment("now", 1000.0) == 1000
    assert parse_moment("now-10s", 1000.0) == 990
    assert parse_moment("1970-01-02", 0.0) == 86_400
    assert parse_moment("1970-01-01T01:00+01:00", 0.0) == 0
    assert parse_moment("yesterday", 0.0) is None
    assert parse_moment("now-", 0.0) is None


@given(st.integers(0, 10**9))
def test_a_duration_is_never_longer_than_six_characters_nor_off_by_a_seventh(seconds: int) -> None:
    text = short_duration(seconds)
    read = parse_duration(text)
    assert len(text) <= 6
    assert read is not None
    assert read <= seconds <= max(read * 8 / 7, read + 59)


def test_a_number_is_told_with_what_it_counts() -> None:
    assert [number_of(count, "step") for count in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]
