"""Plans on two servers with one PostgreSQL: stated on one, confirmed on the other; nothing is sent twice."""

from __future__ import annotations

import contextlib
import random
import re
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from clients import connect
from patience import eventually
from proxmox_mcp.demo import start_demo_cluster
from serving import TOKEN, serving
from upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres_server import PostgresServer
    from proxmox_mcp.demo import DemoCluster
    from serving import Served

pytestmark = pytest.mark.anyio

TOOL = "proxmox_api_plan"
CLONES = [{"method": "POST", "path": "/nodes/pve1/qemu/900/clone", "data": {"newid": "next", "full": 1}}] * 4


@pytest.fixture(scope="module")
def cluster() -> Iterator[DemoCluster]:
    with start_demo_cluster(task_seconds=0.6) as demo:
        yield demo


@contextmanager
def two_servers(demo: DemoCluster, url: str, directory: Path, **settings: str) -> Iterator[tuple[Served, Served]]:
    """Two servers that share a database and nothing else."""
    shared = {**demo.environment, "MCP_AUTH_TOKEN": TOKEN, "MCP_DATABASE_URL": url, "MCP_TASK_WAIT": "0.2", **settings}
    with contextlib.ExitStack() as stack:
        names = ("one", "two")
        yield tuple(  # type: ignore[misc]
            stack.enter_context(
                serving(directory / name, **shared, MCP_AUDIT_FILE=str(directory / f"{name}.jsonl")),
            )
            for name in names
        )


def sent(directory: Path) -> list[str]:
    """The calls to Proxmox that the audit of either server has on record before they were sent."""
    lines = [line for path in directory.glob("*.jsonl") for line in path.read_text().splitlines()]
    return [line for line in lines if '"event": "intent"' in line]


async def test_a_plan_stated_on_one_server_is_approved_and_confirmed_on_the_other(
    cluster: DemoCluster, postgres: PostgresServer, tmp_path: Path
) -> None:
    steps = [CLONES[0], {"method": "DELETE", "path": "/nodes/*/qemu/${1.newid}"}]
    operated = {"MCP_CONFIRM": "operator", "MCP_APPROVAL_WAIT": "0"}
    with two_servers(cluster, postgres.new_database(), tmp_path, **operated) as (one, two):
        async with connect(one, "http", "auto") as session:
            stated = await session.call(TOOL, steps=steps)
            assert "confirm: 1" in stated.text, stated
        assert two.run("approve", "1", "--yes").returncode == 0
        async with connect(two, "http", "auto") as session:
            answer = await session.call(TOOL, plan=1, confirm="1")
        async with connect(one, "http", "auto") as session:
            while "continues" in answer.text:
                answer = await session.call(TOOL, plan=1)
    assert answer.text.startswith("plan 1: done, 2 steps."), answer
    assert len(sent(tmp_path)) == 2


async def test_a_plan_of_one_server_is_stopped_from_the_other(
    cluster: DemoCluster, postgres: PostgresServer, tmp_path: Path
) -> None:
    with two_servers(cluster, postgres.new_database(), tmp_path, MCP_MODE="full") as (one, two):
        async with connect(one, "http", "auto") as session:
            # So many that the plan is not done before the other server is asked, however busy the machine is.
            assert "continues" in (await session.call(TOOL, steps=CLONES * 5)).text
        async with connect(two, "http", "auto") as session:
            answer = await session.call(TOOL, plan=1, stop=True)
            while "ends after the running step" in answer.text:
                answer = await session.call(TOOL, plan=1)
    assert re.match(r"plan 1: stopped by default, (?:[1-9]|1\d) of 20 steps done\.", answer.text), answer


@pytest.mark.parametrize(
    ("victim", "seed"),
    [
        ("server", 0),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in (("server", 1), ("database", 0), ("database", 1))),
    ],
)
async def test_whenever_a_server_or_the_database_is_killed_nothing_is_sent_twice_or_off_record(
    victim: str, seed: int, cluster: DemoCluster, postgres: PostgresServer, tmp_path: Path
) -> None:
    beside, pause = Upstream(cluster), random.Random(seed).uniform(0.1, 2.0)
    before = beside.tasks("qmclone", 900)
    url = postgres.new_database()
    with two_servers(cluster, url, tmp_path) as (one, two):
        async with connect(one, "http", "auto") as session:
            assert "continues" in (await session.call(TOOL, steps=CLONES)).text
            await anyio.sleep(pause)
            if victim == "server":
                one.end(signal.SIGKILL)
            else:
                postgres.kill()
                await anyio.sleep(1.0)
                postgres.start()
        clones = beside.tasks("qmclone", 900)
        async with connect(two, "http", "auto") as session:
            answer = await session.call(TOOL, plan=1)
            while "continues" in answer.text or "can't be used" in answer.text:
                answer = await session.call(TOOL, plan=1)
        await eventually(lambda: beside.tasks("qmclone", 900) >= clones)
    done = beside.tasks("qmclone", 900) - before
    assert done <= len(CLONES)
    on_record = re.findall(r"^\d\. POST|^FAILED: \d|^UNKNOWN: \d", answer.text, re.MULTILINE)
    assert done <= len(on_record), answer
    assert done <= len(sent(tmp_path)), answer
