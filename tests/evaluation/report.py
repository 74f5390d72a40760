"""What many runs came to: a table for people, the same as JSON for programs."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from math import comb
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluation.run import Run


def pass_k(passed: int, times: int, k: int) -> float:
    """How likely ``k`` runs all pass, told without bias by ``passed`` of ``times``."""
    return comb(passed, k) / comb(times, k)


def as_json(runs: Sequence[Run]) -> dict[str, Any]:
    """Runs of each scenario, which stand together, each as often as the others."""
    scenarios = [_scenario(name, list(of_it)) for name, of_it in groupby(runs, lambda run: run.scenario)]
    times = min(each["times"] for each in scenarios)
    ks = range(1, times + 1)
    return {
        "pass^k": {
            str(k): sum(pass_k(each["passed"], each["times"], k) for each in scenarios) / len(scenarios) for k in ks
        },
        "scenarios": scenarios,
    }


def as_table(report: dict[str, Any]) -> str:
    """One line for each scenario, the means, and every fault."""
    columns = ("calls", "confirmed", "read", "used")
    rows = [
        [each["name"], f"{each['passed']}/{each['times']}", *(f"{each[column]:.1f}" for column in columns)]
        for each in report["scenarios"]
    ]
    count = len(rows)
    means = [f"{sum(each[column] for each in report['scenarios']) / count:.1f}" for column in columns]
    lines = [
        "| scenario | passed | calls | confirmed | tokens read | tokens used |",
        "|---|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in [*rows, ["in the mean", "", *means]]),
        "",
        *(f"pass^{k}: {value:.2f}" for k, value in report["pass^k"].items()),
    ]
    faults = [
        f"{each['name']}, run {number}: {fault}"
        for each in report["scenarios"]
        for number, run in enumerate(each["runs"], 1)
        for fault in run["faults"]
    ]
    return "\n".join([*lines, *(["", *faults] if faults else [])])


def _scenario(name: str, runs: list[Run]) -> dict[str, Any]:
    times = len(runs)
    return {
        "name": name,
        "times": times,
        "passed": sum(run.passed for run in runs),
        "calls": sum(run.calls for run in runs) / times,
        "confirmed": sum(run.confirmed for run in runs) / times,
        "read": sum(run.read for run in runs) / times,
        "used": sum(run.used for run in runs) / times,
        "runs": [asdict(run) for run in runs],
    }
