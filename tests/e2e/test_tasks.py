"""Tasks through a real client: followed to their end with progress, failing, stopped, called off, outlasting a wait."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from clients import ERAS, connect
from e2e import task_logs
from e2e.task_logs import Task, Tasks
from in_process import serving_here
from patience import eventually
from proxmox.raw_server import serving as raw_serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from clients import Session
    from serving import Served
    from upstream import Upstream

    Golden = Callable[[str, str], None]

pytestmark = pytest.mark.anyio

BACKUP = {"vmid": "100,103,110,118,100,103,110,118,100,103", "storage": "nas", "mode": "snapshot"}
"""Four guests of one node, ten times 0.4 seconds: longer than the wait of a second, also where that comes late."""


def _settled(text: str) -> str:
    """Without what depends on the moment of a look at a running task."""
    return re.sub(r"Its log says: .*", "Its log says: <its last line>", re.sub(r" at \d+%;", ";", text))


@pytest.mark.parametrize(("transport", "era"), [("sse", "legacy"), ("sse", "auto"), ("http", "auto")])
async def test_a_clone_is_followed_with_its_percentages_and_ends_with_its_status(
    transport: str, era: str, server: Served, upstream: Upstream, golden: Golden
) -> None:
    newid = 200 + 10 * (transport == "http") + (era == "auto")
    async with connect(server, transport, era) as session:
        data = {"newid": newid, "name": "build", "full": True, "storage": "ceph"}
        answer = await session.watched("POST", "/nodes/*/qemu/ci-01/clone", data)
    golden("tasks/clone", answer.text)
    assert not answer.is_error
    assert upstream.call("GET", f"/nodes/pve1/qemu/{newid}/config")["name"] == "build"
    shares = [share for share, _, _ in session.progress]
    assert shares == sorted(set(shares))
    assert any(total == 100 and 0 < share <= 100 for share, total, _ in session.progress)
    assert any("transferred" in said for _, _, said in session.progress)


async def test_a_backup_is_followed_with_its_percentages_and_names_its_archive(server: Served, golden: Golden) -> None:
    async with connect(server) as session:
        answer = await session.watched("POST", "/nodes/pve1/vzdump", {**BACKUP, "vmid": "103"})
    golden("tasks/backup", answer.text)
    assert any("% (" in said and total == 100 for _, total, said in session.progress)


async def test_a_task_that_fails_is_an_error_with_its_cause_and_the_tail_of_its_log(
    server: Served, golden: Golden
) -> None:
    async with connect(server) as session:
        answer = await session.make("POST", "/nodes/pve2/qemu/114/status/start")
    assert answer.is_error
    golden("tasks/failed", answer.text)


def _each_guest_once(text: str) -> str:
    """The report with one archive of each guest: how many of the backup's archives its last lines name varies."""
    archives = {guest: path for path, guest in re.findall(r'("/[^"]*-qemu-(\d+)-[^"]*")', text)}
    return re.sub(r"Written: .*", "Written: " + ", ".join(archives[guest] for guest in sorted(archives)), text)


async def test_a_task_that_outlasts_its_wait_is_picked_up_again_to_its_end(
    server: Served, upstream: Upstream, golden: Golden
) -> None:
    async with connect(server) as session:
        left = await session.make("POST", "/nodes/pve1/vzdump", BACKUP, wait=1)
        assert not left.is_error
        golden("tasks/outlasting", _settled(left.text))
        found = re.search(r"path=(\S+) wait=300", left.text)
        assert found is not None
        once = await session.get(found[1], fields="status,type")
        assert once.text == "status: running\ntype: vzdump"
        again = await session.get(found[1], wait=30)
        golden("tasks/picked-up", _each_guest_once(again.text))
        later = await session.get(found[1], wait=30)
    assert later.text == re.sub(r" after .*", ".", again.text, count=1)


async def test_a_call_that_does_not_wait_says_that_the_task_has_only_started(server: Served, golden: Golden) -> None:
    async with connect(server) as session:
        started = await session.make("POST", "/nodes/pve2/vzdump", {"vmid": "101", "storage": "nas"}, wait=0)
        golden("tasks/started", _settled(started.text))
        found = re.search(r"UPID: (\S+)$", started.text)
        assert found is not None
        await session.get(f"/nodes/pve2/tasks/{found[1]}/status", wait=30)


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_the_client_calls_off_leaves_its_task_alone(
    era: str, server: Served, upstream: Upstream
) -> None:
    data = {"vmid": "101,105,120,101,105,120", "storage": "nas"}
    running: list[str] = []

    def runs() -> bool:
        running[:] = _running(upstream, "pve2", "vzdump")
        return bool(running)

    async with connect(server, "sse", era) as session:
        async with anyio.create_task_group() as group:
            group.start_soon(session.make, "POST", "/nodes/pve2/vzdump", data)
            await eventually(runs)
            group.cancel_scope.cancel()
        ended = await session.get(f"/nodes/pve2/tasks/{running[0]}/status", wait=30)
    assert "Task vzdump on pve2 ended: OK" in ended.text
    await eventually(lambda: _audited(server, "/nodes/pve2/vzdump")[-1]["event"] == "outcome")
    last = _audited(server, "/nodes/pve2/vzdump")[-1]
    assert (last["result"], last["upid"]) == ("cancelled", running[0])


async def test_waits_on_one_task_are_many_and_all_end(server: Served) -> None:
    async with connect(server, "http") as session:
        started = await session.make("POST", "/nodes/pve1/vzdump", {"vmid": "118", "storage": "nas"}, wait=0)
        upid = started.text.rpartition("UPID: ")[2]
        told: list[str] = []

        async def wait() -> None:
            told.append((await session.get(f"/nodes/pve1/tasks/{upid}/status", wait=20)).text)

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(wait)
    assert len(told) == 10
    assert all("ended: OK" in text for text in told)


async def test_what_a_task_wrote_is_read_in_pages_of_its_log(server: Served) -> None:
    async with connect(server) as session:
        done = await session.make("POST", "/nodes/pve1/vzdump", {"vmid": "103", "storage": "nas"})
        upid = done.text.rpartition("UPID: ")[2]
        log = await session.get(f"/nodes/pve1/tasks/{upid}/log")
    assert "INFO:  50% (100.0 GiB of 200.0 GiB)" in log.text
    assert "INFO: Backup job finished successfully" in log.text


# By a script: what a fake has no logs of.


@asynccontextmanager
async def scripted(
    directory: Path, certificate: tuple[Path, Path], start: Sequence[Task], era: str = "legacy"
) -> AsyncIterator[Session]:
    """A client over SSE of a server before an upstream where a POST of ``.../status/start`` starts these tasks."""
    with raw_serving(Tasks(start=[replace(task, log=[]) for task in start]), certificate) as upstream:
        settings = {
            "PROXMOX_HOST": f"127.0.0.1:{upstream.port}",
            "PROXMOX_USER": "mcp@pve",
            "PROXMOX_TOKEN_ID": "t1",
            "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
            "PROXMOX_APIDOC": "bundled",
            "MCP_MODE": "full",
        }
        async with serving_here(directory, **settings) as here, connect(here, "sse", era, token="") as session:
            yield session


SCRIPTED: dict[str, Sequence[Task]] = {
    "migration-while-the-node-was-away": [task_logs.MIGRATION],
    "warnings": [task_logs.WARNING],
    "interrupted": [task_logs.STOPPED],
    "long-log": [task_logs.LONG],
    "hostile-log": [task_logs.HOSTILE],
    "secret-in-a-log": [task_logs.TELLTALE],
    "several-tasks-of-one-call": task_logs.BULK,
}


@pytest.mark.parametrize("name", SCRIPTED)
async def test_the_end_of_a_task_is_told_as_it_was(
    name: str, tmp_path: Path, certificate: tuple[Path, Path], golden: Golden
) -> None:
    tasks = SCRIPTED[name]
    async with scripted(tmp_path, certificate, tasks) as session:
        answer = await session.watched("POST", "/nodes/pve1/qemu/101/status/start", {})
    golden(f"tasks/{name}", answer.text)
    assert answer.is_error == any(task.exit_status not in ("OK", "WARNINGS: 1") for task in tasks)
    assert len(answer.text) < 1600
    assert not any(secret in str(session.progress) + answer.text for secret in ("hunter2", "abcdefghijklmnop", "\x1b"))


async def test_progress_of_a_migration_is_the_share_that_its_log_tells(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    async with scripted(tmp_path, certificate, [task_logs.MIGRATION], "auto") as session:
        await session.watched("POST", "/nodes/pve1/qemu/101/status/start", {})
    shares = [share for share, total, _ in session.progress if total == 100]
    assert shares[:2] == [12.5, 75.0]
    assert session.progress[0][1] is None
    assert "starting VM 101 on remote node" in session.progress[0][2]


def _running(upstream: Upstream, node: str, kind: str) -> list[str]:
    tasks: list[dict[str, Any]] = upstream.call("GET", f"/nodes/{node}/tasks", source="active")
    return [task["upid"] for task in tasks if task["type"] == kind and "endtime" not in task]


def _audited(server: Served, path: str) -> list[Mapping[str, Any]]:
    lines = (server.directory / "audit.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["path"] == path]
