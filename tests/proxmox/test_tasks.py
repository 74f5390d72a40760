"""Tasks followed against a scripted upstream, and against fakepve's running ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import anyio
import anyio.lowlevel
import pytest

from patience import eventually, from_now
from proxmox.conftest import reader
from proxmox_mcp.errors import InvalidCallError, ParametersError, PermissionDeniedError, UnreachableError
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox import tasks
from proxmox_mcp.proxmox.answers import Answer
from proxmox_mcp.proxmox.client import Proxmox
from proxmox_mcp.proxmox.connection import Connection
from proxmox_mcp.proxmox.task_log import TAIL
from proxmox_mcp.proxmox.tasks import TaskProgress, TaskWatcher

if TYPE_CHECKING:
    from fakepve import FakePve

pytestmark = pytest.mark.anyio

UPID = "UPID:pve1:00001E80:0006EDD9:6B02646B:qmclone:100:root@pam!t1:"


@dataclass
class Script:
    """A node on which tasks grow a line of log at each look at their status, until their lines are used up."""

    logs: dict[str, list[str]]
    exits: dict[str, str] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)
    looks: int = 0
    failures: list[Exception] = field(default_factory=list)
    endless: bool = False
    looked_at: list[float] = field(default_factory=list)

    async def answer(self, method: str, path: str, params: Any = None, *, deadline: float | None = None) -> Answer:
        await anyio.lowlevel.checkpoint()
        assert method == "GET"
        upid, what = unquote(path.split("/")[4]), path.rpartition("/")[2]
        log = self.logs[upid]
        if what == "status":
            self.looks += 1
            self.looked_at.append(from_now(0))
            if self.failures:
                raise self.failures.pop(0)
            shown = self.shown[upid] = min(self.shown.get(upid, 0) + 1, len(log))
            ended = shown == len(log) and not self.endless
            exit_status = {"exitstatus": self.exits.get(upid, "OK")} if ended else {}
            return Answer({"upid": upid, "status": "stopped" if ended else "running", **exit_status})
        start, limit = int(params["start"]), int(params["limit"])
        lines = log[: self.shown[upid]][start : start + limit]
        rows = [{"n": start + i + 1, "t": line} for i, line in enumerate(lines)] or [{"n": 1, "t": "no content"}]
        return Answer(rows, total=self.shown[upid])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(tasks, "LONGEST_PAUSE", 0.02)


CLONE = ["create full clone of drive scsi0", *(f"transferred {n}.0 GiB of 4.0 GiB ({n * 25}.00%)" for n in range(5))]


@pytest.mark.usefixtures("quick")
async def test_a_task_is_followed_to_its_end_with_progress() -> None:
    script = Script({UPID: [*CLONE, "TASK OK"]})
    seen: list[TaskProgress] = []

    async def told(progress: TaskProgress) -> None:
        seen.append(progress)

    started = from_now(0)
    outcome = await TaskWatcher(reader(script)).wait(UPID, 10, told, started=started)
    assert outcome.state == "ok"
    assert outcome.exit_status == "OK"
    assert outcome.seconds is not None
    assert 0 < outcome.seconds <= from_now(-started)
    assert outcome.task.type == "qmclone"
    assert [p.fraction for p in seen] == [None, 0.0, 0.25, 0.5, 0.75, 1.0]
    assert seen[0].line == "create full clone of drive scsi0"


@pytest.mark.usefixtures("quick")
async def test_a_failed_task_keeps_the_cause_and_only_the_tail_of_its_log() -> None:
    log = [f"line {n}" for n in range(5000)] + ["TASK ERROR: clone failed: out of space"]
    script = Script({UPID: log}, {UPID: "clone failed: out of space"}, shown={UPID: len(log)})
    outcome = await TaskWatcher(reader(script)).wait(UPID)
    assert outcome.state == "failed"
    assert outcome.exit_status == "clone failed: out of space"
    assert len(outcome.tail) == TAIL
    assert outcome.tail[-1] == "TASK ERROR: clone failed: out of space"
    assert outcome.last_line == "line 4999"
    assert outcome.seconds is None


@pytest.mark.usefixtures("quick")
async def test_those_who_share_a_failed_look_get_the_same_error_and_none_of_anothers_frames() -> None:
    refusal = PermissionDeniedError("Permission check failed (/nodes/pve1, Sys.Audit)", "grant it", status=403)
    watcher = TaskWatcher(reader(Script({UPID: CLONE}, failures=[refusal])))
    caught: list[PermissionDeniedError] = []

    async def caller(name: str) -> None:
        try:
            await watcher.wait(UPID, 10)
        except PermissionDeniedError as error:
            error.add_note(name)
            caught.append(error)

    async with anyio.create_task_group() as group:
        for name in ("anna", "ben", "carla"):
            group.start_soon(caller, name)
    assert len({id(error) for error in caught}) == 3
    assert {str(error) for error in caught} == {str(refusal)}
    assert sorted(error.__notes__ for error in caught) == [["anna"], ["ben"], ["carla"]]


@pytest.mark.usefixtures("quick")
async def test_warnings_come_with_their_lines() -> None:
    script = Script({UPID: ["INFO: ok", "WARN: disk is full soon", "TASK WARNINGS: 1"]}, {UPID: "WARNINGS: 1"})
    outcome = await TaskWatcher(reader(script)).wait(UPID, 10)
    assert outcome.state == "warnings"
    assert outcome.warnings == ("disk is full soon",)


@pytest.mark.usefixtures("quick")
async def test_a_task_that_ends_without_a_word_has_failed() -> None:
    script = Script({UPID: ["x"]}, {UPID: ""})
    assert (await TaskWatcher(reader(script)).wait(UPID, 10)).state == "failed"


async def test_a_wait_that_runs_out_says_what_the_task_is_doing_and_can_be_taken_up_again(quick: None) -> None:
    script = Script({UPID: ["starting", "transferred 1.0 GiB of 4.0 GiB (25.00%)"]}, endless=True)
    watcher = TaskWatcher(reader(script))
    outcome = await watcher.wait(UPID, 0.1)
    assert outcome.state == "running"
    assert outcome.exit_status == ""
    assert outcome.fraction == 0.25
    assert outcome.last_line.startswith("transferred 1.0")
    script.endless = False
    assert (await watcher.wait(UPID, 5)).state == "ok"


async def test_a_wait_of_nothing_looks_once() -> None:
    script = Script({UPID: ["a", "b", "c"]})
    outcome = await TaskWatcher(reader(script)).wait(UPID, 0)
    assert outcome.state == "running"
    assert script.looks == 1


async def test_looks_grow_rarer_from_a_fifth_of_a_second_to_two() -> None:
    pauses = [tasks.FIRST_PAUSE]
    while pauses[-1] < tasks.LONGEST_PAUSE:
        pauses.append(min(pauses[-1] * tasks.BACKOFF, tasks.LONGEST_PAUSE))
    assert (pauses[0], pauses[-1]) == (0.2, 2.0)
    script = Script({UPID: ["x"]}, endless=True)
    await TaskWatcher(reader(script)).wait(UPID, 1.1)
    gaps = [b - a for a, b in zip(script.looked_at, script.looked_at[1:], strict=False)]
    assert gaps[:3] == pytest.approx(pauses[:3], abs=0.1)


async def test_ten_waits_cost_one_poller_and_end_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(tasks, "LONGEST_PAUSE", 0.02)
    script = Script({UPID: CLONE})
    watcher = TaskWatcher(reader(script))
    states: list[str] = []

    async def wait() -> None:
        states.append((await watcher.wait(UPID, 10)).state)

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(wait)
    assert states == ["ok"] * 10
    assert script.looks == len(CLONE)


async def test_a_wait_that_is_called_off_leaves_the_others_and_the_task_alone(quick: None) -> None:
    script = Script({UPID: [f"line {n}" for n in range(20)]})
    watcher = TaskWatcher(reader(script))
    states: list[str] = []

    async def wait() -> None:
        states.append((await watcher.wait(UPID, 10)).state)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        with anyio.move_on_after(0.05):
            await watcher.wait(UPID, 10)
    assert states == ["ok"]
    looks = script.looks
    await watcher.wait(UPID, 10)
    assert script.looks > looks, "nothing is kept of a task that nobody waits for"


async def test_what_ran_on_when_a_wait_was_called_off_is_kept_and_what_a_wait_ran_out_of_is_not(quick: None) -> None:
    script = Script({UPID: ["one", "two"]}, endless=True)
    watcher = TaskWatcher(reader(script))
    await watcher.wait(UPID, 0)
    assert not watcher.left
    async with anyio.create_task_group() as group:
        group.start_soon(watcher.wait, UPID)
        await eventually(lambda: script.looks > 1)
        group.cancel_scope.cancel()
    assert list(watcher.left) == [UPID]


async def test_a_node_that_goes_away_in_between_is_ridden_out(quick: None) -> None:
    script = Script({UPID: CLONE}, failures=[UnreachableError("pve1 is down.")] * 4)
    assert (await TaskWatcher(reader(script)).wait(UPID, 10)).state == "ok"


async def test_a_node_that_stays_away_is_said_to_be(quick: None) -> None:
    script = Script({UPID: CLONE}, failures=[UnreachableError("pve1 is down.")] * 1000)
    outcome = await TaskWatcher(reader(script)).wait(UPID, 0.1)
    assert outcome.state == "running"
    assert outcome.away == "pve1 is down."


@pytest.mark.parametrize("refusal", [ParametersError("no such task"), PermissionDeniedError("no")])
async def test_what_proxmox_refuses_to_tell_is_raised(refusal: Exception) -> None:
    with pytest.raises(type(refusal)):
        await TaskWatcher(reader(Script({UPID: CLONE}, failures=[refusal]))).wait(UPID, 10)
    with pytest.raises(type(refusal)):
        await TaskWatcher(reader(Script({UPID: CLONE}, failures=[refusal]))).wait_all([UPID], 10)


async def test_what_is_no_upid_is_refused() -> None:
    with pytest.raises(InvalidCallError):
        await TaskWatcher(reader(Script({}))).wait("UPID:bad")


async def test_several_tasks_are_followed_together(quick: None) -> None:
    upids = [UPID.replace(":100:", f":{n}:") for n in range(100, 105)]
    script = Script({u: ["a", "b", "c"] for u in upids}, {upids[2]: "VM 102 not running"})
    outcomes = await TaskWatcher(reader(script)).wait_all([*upids, upids[0]], 10)
    assert [o.upid for o in outcomes] == [*upids, upids[0]]
    assert [o.state for o in outcomes] == ["ok", "ok", "failed", "ok", "ok", "ok"]


async def test_a_running_task_of_fakepve_is_followed_over_https(fakepve: FakePve, quick: None) -> None:
    fakepve.add_vm(100, "web", status="stopped")
    fakepve.apitokens["mcp@pve!t1"] = "s"
    hosts = (HostPort(fakepve.host, fakepve.port),)
    pve = Proxmox(Connection(hosts=hosts, user="mcp@pve", token="t1", secret="s"))
    watcher = TaskWatcher(reader(pve))
    started = from_now(0)
    upid = await pve.request("POST", "/nodes/pve1/qemu/100/status/start")
    outcome = await watcher.wait(upid, 10, started=started)
    assert (outcome.state, outcome.task.type) == ("ok", "qmstart")
    upid = await pve.request("POST", "/nodes/pve1/qemu/100/status/start")
    outcome = await watcher.wait(upid, 10)
    await pve.aclose()
    assert outcome.state == "failed"
    assert "already running" in outcome.exit_status
