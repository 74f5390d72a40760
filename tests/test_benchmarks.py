from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from benchmarks import people, report
from benchmarks.figures import Row, Times, interleaved, shown, table
from benchmarks.servers import BARE
from benchmarks.wire import Stdio, opened

ROOT = Path(__file__).parents[1]


def test_an_aim_bounds_the_ratio_from_above() -> None:
    assert Row(what="a call", unit="ms", ours=11, simplest=10, aim=1.15).met
    assert Row(what="a call", unit="ms", ours=12, simplest=10, aim=1.15).met is False


def test_an_aim_for_more_bounds_it_from_below() -> None:
    assert Row(what="calls", unit="1/s", ours=95, simplest=100, aim=0.9, more=True).met
    assert Row(what="calls", unit="1/s", ours=85, simplest=100, aim=0.9, more=True).met is False


def test_without_anything_beside_it_the_figure_itself_is_held_to_the_aim() -> None:
    assert Row(what="errors", unit="", ours=0, aim=0).met
    assert Row(what="errors", unit="", ours=1, aim=0).met is False
    assert Row(what="errors", unit="", ours=1).met is None


def test_a_row_of_the_table_says_whether_its_aim_is_met() -> None:
    text = table([Row(what="a call", unit="ms", ours=17.31, simplest=15.02, aim=1.15)])
    assert text.splitlines()[-1] == "| a call | ms | 17.3 | 15 | 1.15 | ≤ 1.15 | missed |"


@pytest.mark.parametrize(("figure", "text"), [(None, ""), (0.0, "0"), (1234.5, "1,234"), (12.345, "12.3"), (7.0, "7")])
def test_a_figure_has_as_many_digits_as_it_can_carry(figure: float | None, text: str) -> None:
    assert shown(figure) == text


def test_works_take_turns_and_the_order_changes_each_round() -> None:
    done: list[str] = []
    times = interleaved({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 2)
    assert done == ["b", "a", "a", "b"]
    assert {name: len(each.seconds) for name, each in times.items()} == {"a": 2, "b": 2}


def test_a_share_of_times_is_the_time_that_so_many_stayed_within() -> None:
    times = Times(tuple(float(n) for n in range(100, 0, -1)))
    assert (times.least, times.median, times.share(0.99)) == (1.0, 50.5, 100.0)


def test_an_unknown_benchmark_is_an_error_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["nope"]) == 2
    assert "unknown benchmark: nope; known are start" in capsys.readouterr().err


@pytest.mark.slow
def test_the_client_of_the_benchmarks_calls_a_real_server() -> None:
    async def called() -> object:
        session = await opened(await Stdio.start(BARE, {**os.environ, "PYTHONPATH": str(ROOT)}))
        try:
            return (await session.ask("tools/call", {"name": "say_hello"}))["content"]
        finally:
            await session.close()

    assert asyncio.run(called()) == [{"type": "text", "text": "hello"}]


@pytest.mark.slow
def test_what_people_wait_for_is_measured_on_the_demo_cluster() -> None:
    rows = people.measure(rounds=1)
    assert [row.what.partition(",")[0].partition(":")[0] for row in rows] == [
        *[f"{people.STEPS} changes as a plan"] * 2,
        *["console"] * len(people.PAGES),
        *["approval"] * 2,
        "an audit line in the chain",
        "an audit line verified",
    ]
    assert all(row.ours > 0 for row in rows)
