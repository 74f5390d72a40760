"""Scenarios of administrators on the demo cluster, solved by script or by a model: scripts/evaluate

Without --model the scripted solutions run. With --model and --url a model solves them; its key, if it wants one, is
read from OPENAI_API_KEY or ANTHROPIC_API_KEY. The exit status is 1 where a run failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from evaluation import by_model, scripted
from evaluation.models import APIS, KEYS, Model, ModelError
from evaluation.report import as_json, as_table
from evaluation.run import Run, run
from evaluation.scenarios import read_scenarios

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluation.run import Solver
    from evaluation.scenarios import Scenario


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    if bool(given.model) != bool(given.url):
        return _refused("--model and --url belong together.")
    if given.times < 1:
        return _refused("--times is at least 1.")
    scenarios = [scenario for scenario in read_scenarios() if not given.only or given.only in scenario.name]
    if not scenarios:
        return _refused(f"No scenario's name holds {given.only!r}. They are:\n{_names()}")
    solve: Solver = scripted.solve
    if given.model:
        solve = by_model.Solver(given.api, Model(given.model, given.url, os.environ.get(KEYS[given.api], "")))
    try:
        # A server writes what was done a moment after it: at the end of the last, that may still go on.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            runs = anyio.run(_all, scenarios, solve, given.times, Path(directory))
    except ModelError as error:
        return _refused(f"The model can't be evaluated: {error}")
    report = as_json(runs)
    if given.json:
        given.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(as_table(report))
    return 0 if all(each.passed for each in runs) else 1


async def _all(scenarios: Sequence[Scenario], solve: Solver, times: int, directory: Path) -> list[Run]:
    runs: list[Run] = []
    for scenario in scenarios:
        for number in range(1, times + 1):
            own = directory / str(len(runs))
            own.mkdir()
            runs.append(await run(scenario, solve, own))
            print(f"{scenario.name}, run {number}: {'passed' if runs[-1].passed else 'failed'}", file=sys.stderr)
    return runs


def _refused(why: str) -> int:
    print(why, file=sys.stderr)
    return 2


def _names() -> str:
    return "\n".join(f"  {scenario.name}" for scenario in read_scenarios())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="", help="the model's name at its API")
    parser.add_argument("--url", default="", help="its address: https://api.anthropic.com, or one that ends in /v1")
    parser.add_argument("--api", choices=sorted(APIS), default="openai")
    parser.add_argument("--times", type=int, default=1, help="runs of each scenario, for pass^k")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios whose name holds this")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, with every run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
