"""Plans through real clients: stated whole, confirmed once, carried out by the server, waited for by number."""

from __future__ import annotations

import json
import re
import signal
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from clients import Answer, Person, Session, connect
from in_process import serving_here
from patience import eventually, until
from proxmox_mcp.demo import start_demo_cluster
from serving import TOKEN, serving
from upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from proxmox_mcp.demo import DemoCluster

pytestmark = pytest.mark.anyio

TOOL = "proxmox_api_plan"
STAGE_WEB, STAGE_DB, QUEUE = "/nodes/pve2/qemu/130", "/nodes/pve2/qemu/131", "/nodes/pve3/lxc/132"
BROKEN = "/nodes/pve2/qemu/114/status/start"
"""A VM of the demo cluster whose disk is missing: it does not start."""


def step(method: str, path: str, **data: Any) -> dict[str, Any]:
    return {"method": method, "path": path, **({"data": data} if data else {})}


each_era = pytest.mark.parametrize("era", ["auto", pytest.param("legacy", marks=pytest.mark.slow)])
"""How a client opens; test_transports and test_confirmation have both in a quick run."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[DemoCluster]:
    """A cluster of its own: plans change a good deal of it."""
    with start_demo_cluster(task_seconds=0.4) as demo:
        yield demo


@pytest.fixture(scope="module")
def slow_cluster() -> Iterator[DemoCluster]:
    """A cluster whose copying tasks take long enough for something to happen meanwhile."""
    with start_demo_cluster(task_seconds=2.0) as demo:
        yield demo


@pytest.fixture
def beside(cluster: DemoCluster) -> Upstream:
    return Upstream(cluster)


@asynccontextmanager
async def client_of(
    demo: DemoCluster, directory: Path, era: str = "auto", person: Person | None = None, **settings: str
) -> AsyncIterator[Session]:
    """A client of a server in this process, which has the node's own schema: what that lacks is a fault, no doubt."""
    base = {**demo.environment, "MCP_AUTH_TOKEN": TOKEN, "MCP_AUDIT_FILE": str(directory / "audit.jsonl")}
    base |= {"MCP_STATE_DIR": str(directory / "durable"), "MCP_CACHE_DIR": str(directory.parent / "schema")}
    async with (
        serving_here(directory, **base, **settings) as here,
        connect(here, "http", era, person=person) as session,
    ):
        await here.gateway.clusters["default"].schema.refresh()
        yield session


def audit(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "audit.jsonl").read_text().splitlines()]


def sent(directory: Path) -> list[str]:
    """The writes that were sent, by the audit."""
    return [f"{line['method']} {line['path']}" for line in audit(directory) if line["event"] == "intent"]


FIVE = [
    step("POST", f"{STAGE_WEB}/snapshot", snapname="before-plan"),
    step("PUT", f"{STAGE_WEB}/config", memory=6144, description="by a plan"),
    step("POST", f"{STAGE_DB}/status/shutdown"),
    step("PUT", "/nodes/*/guests/stage-queue/config", memory=2048),
    step("DELETE", f"{STAGE_WEB}/snapshot/${{1.snapname}}"),
]
"""Five steps over three guests. The last deletes what the first makes, so that it can be carried out again."""


COPIES = [step("POST", "/nodes/pve1/qemu/900/clone", newid="next", full=1)] * 3
"""Three steps that take a while."""


@each_era
async def test_five_steps_over_three_guests_are_confirmed_once(
    era: str, cluster: DemoCluster, beside: Upstream, tmp_path: Path
) -> None:
    beside.config(STAGE_WEB, memory=4096, description="")
    person = Person("accept")
    shutdowns = beside.tasks("qmshutdown", 131)
    async with client_of(cluster, tmp_path, era, person) as session:
        answer = await session.call(TOOL, steps=FIVE)
    assert not answer.is_error, answer
    assert answer.text.startswith("plan 1: done, 5 steps."), answer
    (question,) = person.questions
    assert question.startswith("Plan 1: 5 steps on 3 objects: 2 changed, 1 created, 1 destroyed, 1 interrupted.")
    assert "memory" in question
    config = beside.call("GET", f"{STAGE_WEB}/config")
    assert (config["memory"], config["description"]) == ("6144", "by a plan")
    assert beside.tasks("qmshutdown", 131) == shutdowns + 1
    assert str(beside.call("GET", f"{QUEUE}/config")["memory"]) == "2048"
    assert [each["name"] for each in beside.call("GET", f"{STAGE_WEB}/snapshot")] == ["current"]
    assert len(sent(tmp_path)) == 5
    confirmed = {line["confirmation"] for line in audit(tmp_path) if line["event"] == "intent"}
    assert confirmed == {"plan 1: person"}
    beside.call("POST", f"{STAGE_DB}/status/start")
    until(lambda: beside.call("GET", f"{STAGE_DB}/status/current")["status"] == "running")


@pytest.mark.parametrize("again", ["steps", "number"])
async def test_a_token_confirms_a_plan_by_its_steps_or_by_its_number(
    again: str, cluster: DemoCluster, beside: Upstream, tmp_path: Path
) -> None:
    steps = [step("POST", "/nodes/pve1/qemu/900/clone", newid="next"), step("DELETE", "/nodes/*/qemu/${1.newid}")]
    clones = beside.tasks("qmclone", 900)
    async with client_of(cluster, tmp_path) as session:
        stated = await session.call(TOOL, steps=steps)
        assert stated.is_error
        assert beside.tasks("qmclone", 900) == clones
        asked: dict[str, Any] = {"steps": steps} if again == "steps" else {"plan": 1}
        done = await session.call(TOOL, **asked, confirm=stated.token)
        assert done.text.startswith("plan 1: done, 2 steps."), done
        used = await session.call(TOOL, steps=steps, confirm=stated.token)
    assert used.is_error
    assert beside.tasks("qmclone", 900) == clones + 1


async def test_a_token_confirms_no_other_plan(cluster: DemoCluster, tmp_path: Path) -> None:
    async with client_of(cluster, tmp_path) as session:
        stated = await session.call(TOOL, steps=[step("POST", f"{STAGE_WEB}/status/stop")])
        other = await session.call(TOOL, steps=[step("POST", f"{STAGE_DB}/status/stop")], confirm=stated.token)
    assert other.is_error
    assert "given for another call" in other.text
    assert sent(tmp_path) == []


@pytest.mark.parametrize("on_error", ["stop", "continue"])
async def test_a_failure_in_the_middle_ends_the_plan_unless_told_otherwise(
    on_error: str, cluster: DemoCluster, tmp_path: Path
) -> None:
    steps = [
        step("PUT", f"{STAGE_WEB}/config", description="before the failure"),
        step("POST", BROKEN),
        step("PUT", f"{STAGE_DB}/config", description="after the failure"),
    ]
    async with client_of(cluster, tmp_path) as session:
        answer = await session.call(TOOL, steps=steps, on_error=on_error)
    assert answer.is_error
    assert "FAILED: 2. POST /nodes/pve2/qemu/114/status/start" in answer.text
    assert "vm-114-disk-0' does not exist" in answer.text
    if on_error == "stop":
        assert answer.text.startswith("plan 1: failed, 1 of 3 steps done.")
        assert "Not begun: 3.\n   3. PUT /nodes/pve2/qemu/131/config" in answer.text
        assert "To go on:" in answer.text
    else:
        assert answer.text.startswith("plan 1: failed, 2 of 3 steps done.")
        assert "Not begun" not in answer.text
    assert 'undo="plan 1"' in answer.text
    assert len(sent(tmp_path)) == (2 if on_error == "stop" else 3)


async def test_all_faults_of_all_steps_are_told_before_anything_is_sent(cluster: DemoCluster, tmp_path: Path) -> None:
    steps = [
        step("PUT", f"{STAGE_WEB}/config", memroy=1),
        step("PUT", f"{STAGE_DB}/config", description="fine"),
        step("POST", "/nodes/*/qemu/nobody/status/stop"),
        step("PUT", f"{STAGE_DB}/config", cores="many"),
        step("POST", "/nodes/pve1/qemu/130/status/stop"),
        step("DELETE", f"{STAGE_DB}/snapshot/nothing"),
    ]
    async with client_of(cluster, tmp_path) as session:
        answer = await session.call(TOOL, steps=[each for each in steps if "nobody" not in each["path"]])
        unknown = await session.call(TOOL, steps=steps)
    assert answer.is_error
    assert "4 of 5 steps have faults" in answer.text
    assert "memory" in answer.text
    assert "cores" in answer.text
    assert "130 is a VM on pve2. The path: /nodes/pve2/qemu/130/status/stop" in answer.text
    assert "131 has no snapshot nothing." in answer.text
    assert "There is no guest nobody" in unknown.text
    assert sent(tmp_path) == []


async def test_what_the_token_may_not_do_is_refused_before_anything_is_sent(
    cluster: DemoCluster, tmp_path: Path
) -> None:
    name = next(name for name in cluster.tokens if "audit" in name)
    user, _, token = name.partition("!")
    as_auditor = {"PROXMOX_USER": user, "PROXMOX_TOKEN_ID": token, "PROXMOX_PASSWORD": cluster.tokens[name]}
    steps = [step("PUT", f"{STAGE_WEB}/config", description="x"), step("PUT", f"{STAGE_DB}/config", description="x")]
    demo_settings = {**cluster.environment, **as_auditor}
    base = {"MCP_AUTH_TOKEN": TOKEN, "MCP_AUDIT_FILE": str(tmp_path / "audit.jsonl")}
    async with (
        serving_here(tmp_path, **demo_settings, **base, MCP_STATE_DIR=str(tmp_path / "durable")) as here,
        connect(here, "http", "auto") as session,
    ):
        answer = await session.call(TOOL, steps=steps)
    assert answer.is_error
    assert "2 of 2 steps have faults" in answer.text
    assert "VM.Config" in answer.text
    assert sent(tmp_path) == []


# Undo: a plan of inverse calls.


def state_of(beside: Upstream, path: str) -> dict[str, Any]:
    """The configuration of a guest and the names of its snapshots."""
    config = {name: value for name, value in beside.call("GET", f"{path}/config").items() if name != "digest"}
    return {**config, "snapshots": sorted(each["name"] for each in beside.call("GET", f"{path}/snapshot"))}


async def test_a_plan_is_undone_backwards_by_a_plan_and_that_in_turn(
    cluster: DemoCluster, beside: Upstream, tmp_path: Path
) -> None:
    steps = [
        step("PUT", f"{STAGE_WEB}/config", memory=5120, description="to be undone"),
        step("POST", f"{STAGE_DB}/snapshot", snapname="to-be-undone"),
        step("PUT", f"{STAGE_WEB}/config", memory=7168),
        step("PUT", f"{QUEUE}/config", memory=3072),
    ]
    before = [state_of(beside, path) for path in (STAGE_WEB, STAGE_DB, QUEUE)]
    async with client_of(cluster, tmp_path, person=Person("accept")) as session:
        done = await session.call(TOOL, steps=steps)
        after = [state_of(beside, path) for path in (STAGE_WEB, QUEUE)]
        undone = await session.call(TOOL, undo="plan 1")
        assert [state_of(beside, path) for path in (STAGE_WEB, STAGE_DB, QUEUE)] == before
        again = await session.call(TOOL, undo="plan 2")
        assert [state_of(beside, path) for path in (STAGE_WEB, QUEUE)] == after
        await session.call(TOOL, undo="plan 3")
    assert done.text.startswith("plan 1: done, 4 steps."), done
    assert undone.text.startswith("plan 2: done, "), undone
    assert again.text.startswith("plan 3: done, 3 steps."), again
    assert "/snapshot/to-be-undone) cannot be undone" in again.text
    assert [state_of(beside, path) for path in (STAGE_WEB, STAGE_DB, QUEUE)] == before


async def test_of_a_plan_that_failed_what_was_done_is_undone(
    cluster: DemoCluster, beside: Upstream, tmp_path: Path
) -> None:
    before = state_of(beside, STAGE_WEB)
    steps = [step("PUT", f"{STAGE_WEB}/config", description="half a plan"), step("POST", BROKEN)]
    async with client_of(cluster, tmp_path, person=Person("accept")) as session:
        failed = await session.call(TOOL, steps=steps)
        assert failed.text.startswith("plan 1: failed, 1 of 2 steps done."), failed
        undone = await session.call(TOOL, undo="plan 1")
    assert undone.text.startswith("plan 2: done, 1 step."), undone
    assert state_of(beside, STAGE_WEB) == before


# What it is bound to.


async def test_a_value_that_somebody_changed_meanwhile_is_not_replaced(
    cluster: DemoCluster, beside: Upstream, tmp_path: Path
) -> None:
    steps = [step("PUT", f"{STAGE_WEB}/config", memory=6144), step("POST", f"{STAGE_DB}/status/stop")]
    async with client_of(cluster, tmp_path) as session:
        stated = await session.call(TOOL, steps=steps)
        memory = beside.call("GET", f"{STAGE_WEB}/config")["memory"]
        beside.config(STAGE_WEB, memory=12288)
        try:
            answer = await session.call(TOOL, steps=steps, confirm=stated.token)
        finally:
            beside.config(STAGE_WEB, memory=memory)
    assert answer.is_error
    assert "has changed since" in answer.text
    assert sent(tmp_path) == []


@each_era
async def test_a_target_that_changed_while_the_person_thought_is_not_touched(
    era: str, cluster: DemoCluster, beside: Upstream, tmp_path: Path
) -> None:
    person = Person("accept")
    person.meanwhile = lambda: beside.config(STAGE_DB, name="somebody-else")
    steps = [step("PUT", f"{STAGE_WEB}/config", description="x"), step("POST", f"{STAGE_DB}/status/stop")]
    async with client_of(cluster, tmp_path, era, person) as session:
        try:
            answer = await session.call(TOOL, steps=steps)
        finally:
            beside.config(STAGE_DB, name="stage-db")
    assert answer.is_error
    assert "has changed" in answer.text
    assert "somebody-else" in answer.text
    assert sent(tmp_path) == []


async def test_a_guest_that_the_filter_selects_since_then_is_not_touched(
    cluster: DemoCluster, beside: Upstream, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"steps": [step("POST", "/nodes/*/guests/*/status/stop")], "filter": "tags~ci"}
    async with client_of(cluster, tmp_path) as session:
        stated = await session.call(TOOL, **asked)
        beside.config(STAGE_DB, tags="db;staging;ci")
        try:
            answer = await session.call(TOOL, **asked, confirm=stated.token)
        finally:
            beside.config(STAGE_DB, tags="db;staging")
    assert answer.is_error
    assert sent(tmp_path) == []


async def test_a_target_that_changes_while_earlier_steps_run_stops_the_plan(
    slow_cluster: DemoCluster, tmp_path: Path
) -> None:
    beside = Upstream(slow_cluster)
    clones = beside.tasks("qmclone", 900)
    steps = [
        step("POST", "/nodes/pve1/qemu/900/clone", newid="next"),
        step("POST", "/nodes/pve2/qemu/134/status/stop"),
        step("DELETE", "/nodes/*/qemu/${1.newid}"),
    ]
    async with client_of(slow_cluster, tmp_path) as session:
        stated = await session.call(TOOL, steps=steps)

        async def change() -> None:
            await eventually(lambda: beside.tasks("qmclone", 900) > clones)
            beside.config("/nodes/pve2/qemu/134", name="somebody-else")

        answers: list[Answer] = []

        async def confirm() -> None:
            answers.append(await session.call(TOOL, steps=steps, confirm=stated.token))

        async with anyio.create_task_group() as group:
            group.start_soon(confirm)
            group.start_soon(change)
    (answer,) = answers
    assert answer.text.startswith("plan 1: failed, 1 of 3 steps done."), answer
    assert "what this would hit has changed since the plan was stated" in answer.text
    assert "Not begun: 3." in answer.text
    assert [line.split()[0] for line in sent(tmp_path)] == ["POST"]


async def test_what_earlier_steps_change_does_not_stop_the_plan(
    cluster: DemoCluster, beside: Upstream, tmp_path: Path
) -> None:
    steps = [
        step("POST", f"{STAGE_WEB}/snapshot", snapname="one"),
        step("PUT", f"{STAGE_WEB}/config", name="renamed"),
        step("DELETE", f"{STAGE_WEB}/snapshot/one"),
        step("PUT", f"{STAGE_WEB}/config", name="stage-web"),
    ]
    async with client_of(cluster, tmp_path) as session:
        stated = await session.call(TOOL, steps=steps)
        answer = await session.call(TOOL, plan=1, confirm=stated.token)
    assert answer.text.startswith("plan 1: done, 4 steps."), answer


async def test_a_step_that_turns_out_stricter_than_stated_stops_the_plan(
    slow_cluster: DemoCluster, tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text('[[rule]]\nverdict = "deny"\ntag = "frozen"\nreason = "ask Lena"\n')
    beside = Upstream(slow_cluster)
    clones = beside.tasks("qmclone", 900)
    steps = [COPIES[0], step("PUT", f"{QUEUE}/config", description="never")]
    async with client_of(slow_cluster, tmp_path, MCP_POLICY_FILE=str(tmp_path / "policy.toml")) as session:

        async def tag() -> None:
            await eventually(lambda: beside.tasks("qmclone", 900) > clones)
            beside.config(QUEUE, tags="frozen")

        async with anyio.create_task_group() as group:
            group.start_soon(tag)
            answer = await session.call(TOOL, steps=steps)
    assert answer.text.startswith("plan 1: failed, 1 of 2 steps done."), answer
    assert "ask Lena" in answer.text
    assert len(sent(tmp_path)) == 1


# What is asked about.


async def test_a_small_plan_that_needs_no_confirmation_is_carried_out_at_once(
    cluster: DemoCluster, tmp_path: Path
) -> None:
    steps = [step("PUT", f"/nodes/*/guests/{vmid}/config", description="small") for vmid in range(130, 135)]
    async with client_of(cluster, tmp_path) as session:
        answer = await session.call(TOOL, steps=steps)
    assert answer.text.startswith("plan 1: done, 5 steps."), answer


@pytest.mark.parametrize(("mode", "asked"), [("guarded", True), ("full", False)])
async def test_many_objects_are_confirmed_whatever_is_done_to_them(
    mode: str, asked: bool, cluster: DemoCluster, tmp_path: Path
) -> None:
    steps = [step("PUT", f"/nodes/*/guests/{vmid}/config", description="many") for vmid in range(130, 136)]
    async with client_of(cluster, tmp_path, MCP_MODE=mode) as session:
        answer = await session.call(TOOL, steps=steps)
    assert answer.is_error is asked
    assert ("6 objects, more than MCP_PLAN_ASK (5)" in answer.text) is asked
    assert (sent(tmp_path) == []) is asked


async def test_a_dry_run_states_the_plan_and_sends_nothing(cluster: DemoCluster, tmp_path: Path) -> None:
    async with client_of(cluster, tmp_path) as session:
        answer = await session.call(TOOL, steps=FIVE, dry_run=True)
    assert answer.text.startswith("Dry run, nothing was sent.\nPlan: 5 steps on 3 objects:")
    assert "Policy: confirm" in answer.text
    assert sent(tmp_path) == []


# Time: outlasting the request, stopping, the end of the server.


@each_era
async def test_a_plan_outlasts_its_request_and_is_waited_for_by_its_number(
    era: str, slow_cluster: DemoCluster, tmp_path: Path
) -> None:
    beside = Upstream(slow_cluster)
    before = len(beside.call("GET", "/cluster/resources", type="vm"))
    async with client_of(slow_cluster, tmp_path, era, Person("accept"), MCP_TASK_WAIT="0.5") as session:
        answer = await session.call(TOOL, steps=COPIES)
        assert re.match(r"plan 1: [0-2] of 3 done, continues\.\n", answer.text), answer
        assert "proxmox_api_plan plan=1" in answer.text
        while "continues" in answer.text:
            assert not answer.is_error
            answer = await session.call(TOOL, plan=1)
        assert answer.text.startswith("plan 1: done, 3 steps."), answer
        assert len(sent(tmp_path)) == 3
        assert len(beside.call("GET", "/cluster/resources", type="vm")) == before + 3
        undone = await session.call(TOOL, undo="plan 1")
        while "continues" in undone.text:
            undone = await session.call(TOOL, plan=2)
    assert undone.text.startswith("plan 2: done, 3 steps."), undone
    assert len(beside.call("GET", "/cluster/resources", type="vm")) == before


async def test_a_plan_is_stopped_after_the_running_step(slow_cluster: DemoCluster, tmp_path: Path) -> None:
    async with client_of(slow_cluster, tmp_path, MCP_TASK_WAIT="0.2") as session:
        await session.call(TOOL, steps=COPIES)
        answer = await session.call(TOOL, plan=1, stop=True)
        while "ends after the running step" in answer.text:
            answer = await session.call(TOOL, plan=1)
    assert re.match(r"plan 1: stopped by \w+, [01] of 3 steps done\.", answer.text), answer
    assert re.search(r"Not begun: [12]-3\.", answer.text), answer
    assert len(sent(tmp_path)) < 2


@each_era
async def test_a_cancelled_request_ends_the_plan_after_the_running_step(
    era: str, slow_cluster: DemoCluster, tmp_path: Path
) -> None:
    beside = Upstream(slow_cluster)
    clones = beside.tasks("qmclone", 900)
    async with client_of(slow_cluster, tmp_path, era) as session:
        async with anyio.create_task_group() as group:
            group.start_soon(partial(session.call, TOOL, steps=COPIES))
            await eventually(lambda: beside.tasks("qmclone", 900) > clones)
            group.cancel_scope.cancel()
        answer = await session.call(TOOL, plan=1)
    assert answer.text.startswith("plan 1: stopped by a cancelled request, 1 of 3 steps done."), answer
    assert len(sent(tmp_path)) == 1


async def test_progress_is_told_over_the_whole_plan(cluster: DemoCluster, tmp_path: Path) -> None:
    told: list[float] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async with client_of(cluster, tmp_path, "legacy") as session:
        await session.client.call_tool(TOOL, {"steps": COPIES}, read_timeout_seconds=30, progress_callback=progress)
    assert told
    assert told == sorted(told)


async def test_a_plan_of_another_caller_is_not_told(cluster: DemoCluster, tmp_path: Path) -> None:
    async with client_of(cluster, tmp_path) as session:
        await session.call(TOOL, steps=[step("PUT", f"{STAGE_WEB}/config", description="mine")])
        answer = await session.call(TOOL, plan=7)
    assert answer.is_error
    assert "You have no plan 7." in answer.text


async def test_a_plan_that_a_kill_cut_off_is_not_resumed_and_says_what_is_unknown(
    slow_cluster: DemoCluster, tmp_path: Path
) -> None:
    beside = Upstream(slow_cluster)
    settings = {**slow_cluster.environment, "MCP_AUTH_TOKEN": TOKEN, "MCP_STATE_DIR": str(tmp_path / "durable")}
    settings |= {"MCP_TASK_WAIT": "0.2", "MCP_AUDIT_FILE": str(tmp_path / "audit.jsonl")}
    steps = [step("PUT", "/nodes/pve3/qemu/135/config", description="first"), *COPIES]
    clones = beside.tasks("qmclone", 900)
    with serving(tmp_path / "first", **settings) as first:
        async with connect(first, "http", "auto") as session:
            answer = await session.call(TOOL, steps=steps)
            assert "continues" in answer.text
            await eventually(lambda: beside.tasks("qmclone", 900) > clones)
        first.end(signal.SIGKILL)
    with serving(tmp_path / "second", **settings) as second:
        async with connect(second, "http", "auto") as session:
            answer = await session.call(TOOL, plan=1)
            await session.call(TOOL, undo="plan 1")
    assert "description" not in beside.call("GET", "/nodes/pve3/qemu/135/config")
    assert answer.is_error
    assert answer.text.startswith("plan 1: cut off when its server ended, 1 of 4 steps done. Nothing resumes it.")
    assert "UNKNOWN: 2. POST /nodes/pve1/qemu/900/clone" in answer.text
    assert "Not begun: 3-4." in answer.text
    assert beside.tasks("qmclone", 900) == clones + 1


# What people ask for in one sentence: at most three calls, at most one confirmation.


@pytest.mark.parametrize(
    ("asks", "arguments", "done"),
    [
        (
            "Shut down everything tagged ci",
            {"steps": [step("POST", "/nodes/*/guests/*/status/shutdown")], "filter": "tags~ci and status=running"},
            "done, 2 steps",
        ),
        (
            "Start all machines of the pool staging",
            {"steps": [step("POST", "/nodes/*/guests/*/status/start")], "filter": "pool=staging and status=stopped"},
            "done,",
        ),
        (
            "Give stage-web 8 GB and four cores",
            {"steps": [step("PUT", "/nodes/*/guests/stage-web/config", memory=8192, cores=4)]},
            "done, 1 step",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_one_sentence_is_one_plan(
    asks: str, arguments: dict[str, Any], done: str, cluster: DemoCluster, tmp_path: Path
) -> None:
    async with client_of(cluster, tmp_path) as session:
        answer = await session.call(TOOL, **arguments)
        if answer.is_error:
            answer = await session.call(TOOL, **arguments, confirm=answer.token)
    assert done in answer.text, answer


async def test_every_snapshot_of_a_name_is_deleted_in_one_plan(
    cluster: DemoCluster, beside: Upstream, tmp_path: Path
) -> None:
    for path in (STAGE_WEB, STAGE_DB):
        beside.call("POST", f"{path}/snapshot", snapname="pre-update")
        until(lambda: any(s["name"] == "pre-update" for s in beside.call("GET", f"{path}/snapshot")))  # noqa: B023
    asked: dict[str, Any] = {
        "steps": [step("DELETE", "/nodes/*/guests/*/snapshot/pre-update")],
        "filter": "template=0",
    }
    async with client_of(cluster, tmp_path) as session:
        stated = await session.call(TOOL, **asked)
        answer = await session.call(TOOL, **asked, confirm=stated.token)
    assert "where there is none" in stated.text
    assert answer.text.startswith("plan 1: done, 2 steps."), answer
    for path in (STAGE_WEB, STAGE_DB):
        assert [s["name"] for s in beside.call("GET", f"{path}/snapshot")] == ["current"]
