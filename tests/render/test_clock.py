"""Times as they are shown: in the zone of the cluster, and as the time that has passed."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from proxmox_mcp.render.clock import Clock

NOW = 1795865999.0
DAY, HOUR = 86_400, 3_600


def test_a_moment_is_in_the_zone_of_the_clock_with_its_name() -> None:
    berlin = Clock(NOW, ZoneInfo("Europe/Berlin"), "Europe/Berlin")
    assert Clock(NOW).present == "2026-11-28 11:39 UTC"
    assert berlin.present == "2026-11-28 12:39 Europe/Berlin"
    assert berlin.moment(NOW - 150 * DAY) == "2026-07-01 13:39", "daylight saving time"


@pytest.mark.parametrize(
    ("ago", "age", "short"),
    [
        (0, "0 s ago", "0s"),
        (9 * HOUR, "9 h ago", "9h"),
        (3 * DAY + 4 * HOUR, "3 d 4 h ago", "3d4h"),
        (-(3 * DAY + 4 * HOUR), "in 3 d 4 h", "in3d4h"),
    ],
)
def test_an_age_tells_what_has_passed_or_is_to_come(ago: float, age: str, short: str) -> None:
    clock = Clock(NOW)
    assert (clock.age(NOW - ago), clock.short_age(NOW - ago)) == (age, short)


@pytest.mark.parametrize("epoch", [0, NOW, 253_402_300_799 - DAY])
def test_what_is_known_can_be_shown_in_every_zone(epoch: float) -> None:
    for zone in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12"):
        clock = Clock(NOW, ZoneInfo(zone), zone)
        assert clock.knows(epoch)
        assert clock.moment(epoch)


@pytest.mark.parametrize("epoch", [-1, 253_402_300_799, 1e300, float("inf"), float("nan")])
def test_what_is_no_date_is_not_known(epoch: float) -> None:
    assert not Clock(NOW).knows(epoch)
