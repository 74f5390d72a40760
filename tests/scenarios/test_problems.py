"""What is wrong on the demo cluster: asked by a model in one call, and by a person at a terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cl100k import count_tokens
from clients import connect
from goldens import hold, settled
from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from serving import TOKEN, run, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving import Served

GOLDEN = Path(__file__).parent / "golden"
_MOVING = (
    (re.compile(r"\b1h3\dm ago"), "1h30m ago"),
    (re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d"), "<now>"),
)


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoCluster]:
    with start_demo_cluster(task_seconds=0.3) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def served(demo: DemoCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("problems"), **demo.environment, MCP_AUTH_TOKEN=TOKEN) as server:
        server.wait_for_the_schema()
        yield server


@pytest.mark.anyio
async def test_a_model_learns_what_is_wrong_in_one_call_of_four_hundred_tokens(served: Served) -> None:
    async with connect(served) as client:
        answer = await client.call("get_cluster_resources", type="problems")
        filtered = await client.call("get_cluster_resources", type="problems", filter="node=pve1")
    hold(GOLDEN / "problems.txt", settled(answer.text, _MOVING))
    assert count_tokens(answer.text) <= 400
    assert filtered.is_error
    assert "takes no filter" in filtered.text


def test_a_person_gets_a_table_and_a_program_json(demo: DemoCluster, tmp_path: Path) -> None:
    told = run(tmp_path, "problems", **demo.environment)
    assert told.returncode == 1
    table = "\n".join(line.rstrip() for line in told.stdout.splitlines())
    hold(GOLDEN / "problems-for-people.txt", settled(table, _MOVING))
    data = json.loads(run(tmp_path, "problems", "--json", **demo.environment).stdout)
    assert {each["kind"] for each in data["problems"]} >= {"service-failed", "task-failed", "no-backup-job"}
    assert set(data["problems"][0]) == {"kind", "severity", "subject", "node", "said", "when", "look"}
    assert data["unread"] == []
