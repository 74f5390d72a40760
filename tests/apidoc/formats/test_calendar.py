from __future__ import annotations

import pytest

from proxmox_mcp.apidoc.formats.calendar import is_calendar_event


@pytest.mark.parametrize(
    "event",
    [
        "daily",
        "semi-annually",
        "02:30",
        "2:3:4",
        "*/15",
        "0/30",
        "*:0/15",
        "20..22:*/30",
        "mon..fri 22:00",
        "Sat,sun 4",
        "fri..mon",
        "monday",
        "*-*-1 4:00",
        "2026-01-31",
        "12-24 18:00",
        "mon *-1..7 02:00",
        " sat 02:30\n",
        "daily UTC",
        "8,12:0/15",
        "0..20/5",
        "25:00",
    ],
)
def test_a_calendar_event_in_systemds_manner_is_taken(event: str) -> None:
    assert is_calendar_event(event)


@pytest.mark.parametrize(
    "event",
    [
        "",
        " ",
        "UTC",
        "0 2 * * *",
        "every day",
        "22:60",
        "61",
        "*/61",
        "mon-fri",
        "22-25",
        "80..90",
        "9..3",
        "Daily",
        "mon,",
        "13-01 00:00",
        "2026-02-32",
        "02:30am",
        "99999999999999999999",
    ],
)
def test_what_is_no_calendar_event_is_refused(event: str) -> None:
    assert not is_calendar_event(event)
