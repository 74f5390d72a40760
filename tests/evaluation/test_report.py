"""pass^k and the table."""

from __future__ import annotations

from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from evaluation.report import as_json, as_table, pass_k
from evaluation.run import Run


@given(st.integers(1, 20).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_pass_k_falls_with_k_and_begins_at_the_rate_of_passes(counts: tuple[int, int]) -> None:
    passed, times = counts
    values = [pass_k(passed, times, k) for k in range(1, times + 1)]
    assert isclose(values[0], passed / times)
    assert values == sorted(values, reverse=True)
    assert values[-1] == (passed == times)


def test_the_table_has_a_line_for_each_scenario_the_means_and_the_faults() -> None:
    runs = [Run("a", (), 2, 1, 100, 0), Run("a", ("it broke",), 4, 1, 300, 0), Run("b", (), 1, 0, 50, 0)]
    report = as_json([*runs, runs[-1]])
    assert report["pass^k"] == {"1": 0.75, "2": 0.5}
    lines = as_table(report).splitlines()
    assert "| a | 1/2 | 3.0 | 1.0 | 200.0 | 0.0 |" in lines
    assert "| in the mean |  | 2.0 | 0.5 | 125.0 | 0.0 |" in lines
    assert lines[-1] == "a, run 2: it broke"
