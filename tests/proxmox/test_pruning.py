"""Which backups a retention removes, as ``PVE::Storage::Plugin`` decides it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.proxmox.pruning import Backup, can_be_dated, removed


def at(text: str) -> Backup:
    return Backup(text, "100", int(datetime.fromisoformat(f"{text}+00:00").timestamp()))


DAYS = [
    at(text)
    for text in ("2026-11-28T12:00", "2026-11-28T02:00", "2026-11-27T02:00", "2026-11-26T02:00", "2026-10-31T02:00")
]


@pytest.mark.parametrize(
    ("keep", "gone"),
    [
        ({}, []),
        ({"keep-all": 1}, []),
        ({"keep-last": 0, "keep-daily": 0}, []),
        ({"keep-last": 2}, ["2026-11-27T02:00", "2026-11-26T02:00", "2026-10-31T02:00"]),
        ({"keep-last": 9}, []),
        # Of the day that `keep-last` covers no other backup is kept, and that day does not count.
        ({"keep-last": 1, "keep-daily": 2}, ["2026-11-28T02:00", "2026-10-31T02:00"]),
        ({"keep-daily": 2}, ["2026-11-28T02:00", "2026-11-26T02:00", "2026-10-31T02:00"]),
        ({"keep-monthly": 2}, ["2026-11-28T02:00", "2026-11-27T02:00", "2026-11-26T02:00"]),
        ({"keep-hourly": 1, "keep-yearly": 5}, [each.volume for each in DAYS[1:]]),
        # What one period gave up for a newer backup of it, a longer period does not keep either.
        ({"keep-daily": 1, "keep-weekly": 9}, [each.volume for each in DAYS[1:4]]),
    ],
)
def test_each_period_keeps_its_newest_backup_of_those_that_none_before_it_keeps(
    keep: dict[str, int], gone: list[str]
) -> None:
    assert [each.volume for each in removed(DAYS, keep, UTC)] == gone


def test_days_begin_where_the_node_is() -> None:
    late, later = at("2026-11-27T22:30"), at("2026-11-27T23:30")
    assert removed([late, later], {"keep-daily": 5}, UTC) == [late]
    assert removed([late, later], {"keep-daily": 5}, timezone(timedelta(hours=1))) == []


@pytest.mark.parametrize("epoch", [-1, 2**60, None, "1", 1.5])
def test_what_is_no_time_of_a_backup_is_told(epoch: object) -> None:
    assert not can_be_dated(epoch)


times = st.lists(st.integers(1_500_000_000, 1_900_000_000), unique=True, max_size=30)
numbers = st.dictionaries(
    st.sampled_from(["keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly"]),
    st.integers(0, 9),
)


@given(times, numbers)
def test_the_newest_backup_stays_and_no_more_stay_than_the_numbers_say(made: list[int], keep: dict[str, int]) -> None:
    backups = [Backup(str(when), "100", when) for when in made]
    gone = removed(backups, keep, UTC)
    if not any(keep.values()):
        assert gone == []
    else:
        assert not made or str(max(made)) not in [each.volume for each in gone]
        assert len(made) - len(gone) <= sum(keep.values())
        left = [each for each in backups if each not in gone]
        assert removed(left, keep, UTC) == [] or set(keep) != {"keep-last"}
