"""A snapshot and commands in a VM of the demo cluster as one plan, over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clients import Person, connect
from in_process import serving_here
from proxmox_mcp.demo import start_demo_cluster
from serving import TOKEN
from upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxmox_mcp.demo import DemoCluster

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def cluster() -> Iterator[DemoCluster]:
    with start_demo_cluster(task_seconds=0.2) as demo:
        yield demo


async def test_a_vm_is_updated_by_a_plan_that_a_person_confirms_once(cluster: DemoCluster, tmp_path: Path) -> None:
    steps: list[dict[str, Any]] = [
        {"method": "POST", "path": "/nodes/*/guests/web-01/snapshot", "data": {"snapname": "before-update"}},
        {"guest": "web-01", "command": ["apt-get", "update"], "timeout": 600},
        {"guest": "web-01", "command": ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "upgrade"]},
    ]
    person = Person("accept")
    settings = {**cluster.environment, "MCP_AUTH_TOKEN": TOKEN, "MCP_GUEST_EXEC": "true"}
    settings |= {"MCP_AUDIT_FILE": str(tmp_path / "audit.jsonl"), "MCP_STATE_DIR": str(tmp_path / "durable")}
    async with serving_here(tmp_path, **settings) as here, connect(here, "http", "auto", person=person) as session:
        answer = await session.call("proxmox_api_plan", steps=steps)

    assert not answer.is_error, answer
    assert answer.text.startswith("plan 1: done, 3 steps."), answer
    (question,) = person.questions
    assert '["apt-get", "update"]' in question
    assert "Cannot be undone (what a command does is not known): 2-3." in question
    snapshots = Upstream(cluster).call("GET", "/nodes/pve1/qemu/100/snapshot")
    assert "before-update" in [each["name"] for each in snapshots]
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    ran = [line for line in lines if "exit_code" in line]
    assert [line["data"]["command"][0] for line in ran] == ["apt-get", "env"]
    assert {line["confirmation"] for line in ran} == {"plan 1: person"}
