"""Common tasks of administrators on the demo cluster, through a real client: the end-to-end regression test."""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cl100k import count_tokens
from clients import connect
from goldens import hold, settled

if TYPE_CHECKING:
    from serving import Served

TASKS: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("common_tasks.toml").read_text(encoding="utf-8"))[
    "task"
]
COUNTED = 15
DOCUMENT = Path(__file__).parents[2] / "docs" / "common-tasks.md"
_HEAD = """\
# Common tasks

What administrators ask of a model, and what each takes through these tools: calls, confirmations by a token among
them, and the cl100k tokens of their answers, on the demo cluster (38 guests). The calls are those of
`tests/scenarios/common_tasks.toml`, written for a model that knows the tools and searches for each endpoint; a real
model may take others. A test runs them and holds this table, and all that a model reads of them
(`tests/scenarios/golden/tasks/`); `UPDATE_GOLDEN=1 scripts/test tests/scenarios` writes it.

| | asks | calls | tokens |
|---|---|---|---|
"""
GOLDEN = Path(__file__).parent / "golden" / "tasks"
_MOVING = (
    (re.compile(r"\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?"), "<time>"),
    (re.compile(r"\bafter \d+s\b"), "after <seconds>"),
    (re.compile(r", up \d+s\b"), ""),
    (re.compile(r"(?<= )\d+s(?= )"), "<seconds>"),
    (re.compile(r"\b1 ?h ?3\d ?m(?:in)? ago"), "<90 min> ago"),
    (re.compile(r"\bconfirm: \S+"), "confirm: <token>"),
    (re.compile(r"\bBC:24:11(?::[0-9A-F]{2}){3}\b"), "<mac>"),
)
_NOT_ARGUMENTS = frozenset({"tool", "holds", "lacks", "fails", "confirmed"})


@dataclass(frozen=True)
class Cost:
    """What a common task took: calls, and the tokens of their answers."""

    calls: int
    tokens: int


@dataclass
class Costs:
    by_task: dict[int, Cost] = field(default_factory=dict)


@pytest.fixture(scope="module")
def costs() -> Costs:
    return Costs()


@pytest.mark.anyio
@pytest.mark.parametrize("number", range(1, len(TASKS) + 1), ids=lambda n: TASKS[n - 1]["asks"][:40])
async def test_a_common_task_ends_as_it_was_asked(number: int, served: Served, costs: Costs) -> None:
    made = tokens = 0
    read: list[str] = []
    async with connect(served) as client:
        for call in TASKS[number - 1]["calls"]:
            arguments = {name: value for name, value in call.items() if name not in _NOT_ARGUMENTS}
            answer = await client.call(call["tool"], **arguments)
            made, tokens = made + 1, tokens + count_tokens(answer.text)
            read.append(_as_read(call["tool"], arguments, answer.text))
            if call.get("confirmed"):
                assert "Nothing was sent" in answer.text, answer
                answer = await client.call(call["tool"], **arguments, confirm=answer.token)
                made, tokens = made + 1, tokens + count_tokens(answer.text)
                read.append(_as_read(call["tool"], {**arguments, "confirm": "<token>"}, answer.text))
            assert answer.is_error is call.get("fails", False), answer
            for text in call.get("holds", ()):
                assert text in answer.text, answer
            for text in call.get("lacks", ()):
                assert text not in answer.text, answer
    costs.by_task[number] = Cost(made, tokens)
    if number <= COUNTED:
        hold(GOLDEN / f"{number:02}.txt", "\n\n".join([TASKS[number - 1]["asks"], *read]))


def _as_read(tool: str, arguments: dict[str, Any], text: str) -> str:
    """A call and its answer, without what is another at every run."""
    return f"> {tool} {json.dumps(arguments, ensure_ascii=False)}\n{settled(text, _MOVING)}"


def test_the_document_says_what_the_common_tasks_take(costs: Costs) -> None:
    if len(costs.by_task) < COUNTED:
        pytest.skip("not all common tasks were run")
    if os.environ.get("UPDATE_GOLDEN"):
        DOCUMENT.write_text(_written(costs), encoding="utf-8")
    told = _told(DOCUMENT)
    for number in range(1, COUNTED + 1):
        cost = costs.by_task[number]
        assert told[number].calls == cost.calls, f"task {number}: the document says {told[number].calls} calls"
        assert abs(told[number].tokens - cost.tokens) <= 0.15 * cost.tokens + 20, f"task {number}: {cost.tokens} tokens"
    assert sum(told[n].calls for n in range(1, COUNTED + 1)) / COUNTED <= 4


def _written(costs: Costs) -> str:
    rows = [
        f"| {number} | {TASKS[number - 1]['asks']} | {cost.calls} | {cost.tokens} |"
        for number, cost in sorted(costs.by_task.items())
        if number <= COUNTED
    ]
    counted = [costs.by_task[number] for number in range(1, COUNTED + 1)]
    calls, tokens = sum(c.calls for c in counted) / COUNTED, sum(c.tokens for c in counted) / COUNTED
    return _HEAD + "\n".join([*rows, f"| | in the mean | {calls:.1f} | {tokens:.0f} |", ""])


def _told(document: Path) -> dict[int, Cost]:
    rows = [line.split("|") for line in document.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return {int(row[1]): Cost(int(row[3]), int(row[4])) for row in rows if row[1].strip().isdecimal()}
