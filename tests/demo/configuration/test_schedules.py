"""When a job runs next, by the calendar events that people write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from proxmox_mcp.demo.configuration.schedules import next_run

NOW = datetime(2026, 11, 25, 13, 7, 31, tzinfo=UTC)
"""A Wednesday."""


@pytest.mark.parametrize(
    ("event", "then"),
    [
        ("minutely", "2026-11-25 13:08"),
        ("hourly", "2026-11-25 14:00"),
        ("daily", "2026-11-26 00:00"),
        ("weekly", "2026-11-30 00:00"),
        ("02:00", "2026-11-26 02:00"),
        ("13:07", "2026-11-26 13:07"),
        ("*-*-* 22:30", "2026-11-25 22:30"),
        ("mon..fri 22:30", "2026-11-25 22:30"),
        ("sat,sun 6:00", "2026-11-28 06:00"),
        ("fri..mon 01:15", "2026-11-27 01:15"),
        ("sun", "2026-11-29 00:00"),
        ("wed 13:00", "2026-12-02 13:00"),
        ("*/15", "2026-11-25 13:15"),
        ("30", "2026-11-25 13:30"),
        ("8..18/4:05", "2026-11-25 16:05"),
        ("2,14:20,40", "2026-11-25 14:20"),
        ("20:00:30", "2026-11-25 20:00"),
    ],
)
def test_the_next_run_is_the_first_moment_that_an_event_names(event: str, then: str) -> None:
    run = next_run(event, NOW)
    assert run is not None
    assert f"{datetime.fromtimestamp(run, UTC):%Y-%m-%d %H:%M}" == then


@pytest.mark.parametrize("event", ["2030-1-1 02:00", "someday", "noon 12:00", "25:00", "12:x"])
def test_an_event_of_another_form_or_that_never_comes_has_no_run(event: str) -> None:
    assert next_run(event, NOW) is None
