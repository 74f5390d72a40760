"""Calls that wait for a person: woken by a decision, wherever it is made, and never for longer than they may."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from patience import PATIENCE
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.confirm.approvals import PENDING_SECONDS, Approval, Approvals, ApprovalState
from proxmox_mcp.confirm.statement import Statement
from proxmox_mcp.confirm.waiting import Waiting
from proxmox_mcp.errors import ConfirmationError, StoreError
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Caller
from proxmox_mcp.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio

STATEMENT = Statement("deletes VM 102 `forum`", "forum")


def call_of(caller: str = "ops") -> Call:
    return Call(
        caller=Caller(name=caller),
        cluster="",
        method="DELETE",
        path=ApiPath.parse("/nodes/pve1/qemu/102"),
        data={},
    )


class Told:
    """Keeps how often progress was told, and does something the first time."""

    def __init__(self, first: Callable[[], object] = lambda: None) -> None:
        self.times = 0
        self._first = first

    async def __call__(self) -> None:
        self.times += 1
        if self.times == 1:
            await anyio.to_thread.run_sync(self._first)


@pytest.fixture
def approvals(store: Store) -> Approvals:
    return Approvals(store)


async def waited(waiting: Waiting, number: int, told: Told, caller: str = "ops") -> Approval:
    with anyio.fail_after(PATIENCE):
        return await waiting.decision(number, call_of(caller), told)


@pytest.mark.parametrize("approve", [True, False])
async def test_a_decision_of_another_process_ends_the_wait(
    approve: bool, approvals: Approvals, store: Store, open_store: Callable[[], Store]
) -> None:
    number = approvals.request(call_of(), STATEMENT)
    elsewhere = Approvals(open_store())
    told = Told(lambda: elsewhere.decide(number, approve=approve, by="anna", reason="later"))
    approval = await waited(Waiting(approvals, store, PATIENCE), number, told)
    assert approval.state is (ApprovalState.APPROVED if approve else ApprovalState.DENIED)
    assert (approval.decided_by, approval.reason, told.times) == ("anna", "later", 1)


async def test_a_decision_in_this_process_wakes_every_call_that_waits_for_it_at_once(
    approvals: Approvals, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxmox_mcp.confirm.waiting.LOOK_SECONDS", PATIENCE * 10)
    number = approvals.request(call_of(), STATEMENT)
    waiting, both = Waiting(approvals, store, PATIENCE * 10), threading.Barrier(2)

    def decide() -> None:
        if both.wait(PATIENCE) == 0:
            approvals.decide(number, approve=True, by="anna")

    states: list[ApprovalState] = []

    async def wait() -> None:
        states.append((await waited(waiting, number, Told(decide))).state)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        group.start_soon(wait)
    assert states == [ApprovalState.APPROVED] * 2


async def test_without_a_decision_the_request_comes_back_as_it_waits(approvals: Approvals, store: Store) -> None:
    number = approvals.request(call_of(), STATEMENT)
    told = Told()
    assert (await waited(Waiting(approvals, store, 0), number, told)).state is ApprovalState.PENDING
    assert told.times == 0, "who does not wait is not told so"
    assert (await waited(Waiting(approvals, store, 0.01), number, told)).state is ApprovalState.PENDING
    assert approvals.get(number).state is ApprovalState.PENDING


async def test_a_wait_that_is_cancelled_leaves_the_request_as_it_is(approvals: Approvals, store: Store) -> None:
    number = approvals.request(call_of(), STATEMENT)
    waiting = Waiting(approvals, store, PATIENCE)
    async with anyio.create_task_group() as group:
        told = Told(partial(anyio.from_thread.run_sync, group.cancel_scope.cancel))

        async def wait() -> None:
            await waiting.decision(number, call_of(), told)

        group.start_soon(wait)
    assert told.times == 1
    approvals.decide(number, approve=True, by="anna")
    assert (await waited(waiting, number, Told())).state is ApprovalState.APPROVED


async def test_a_caller_has_a_share_of_the_calls_that_wait(approvals: Approvals, store: Store) -> None:
    number = approvals.request(call_of(), STATEMENT)
    other = approvals.request(call_of("other"), STATEMENT)
    waiting, full = Waiting(approvals, store, PATIENCE * 10), anyio.Event()
    running = 0

    async def count() -> None:
        nonlocal running
        running += 1
        if running == 20:
            full.set()

    async def wait() -> None:
        await waiting.decision(number, call_of(), count)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(wait)
            await full.wait()
            assert (await waited(waiting, number, Told())).state is ApprovalState.PENDING
            decide = Told(lambda: approvals.decide(other, approve=True, by="anna"))
            assert (await waited(waiting, other, decide, "other")).state is ApprovalState.APPROVED
            group.cancel_scope.cancel()


async def test_what_ran_out_is_told_without_writing(store: Store) -> None:
    now = 1_000_000.0
    approvals = Approvals(store, lambda: now)
    number = approvals.request(call_of(), STATEMENT)
    now += PENDING_SECONDS + 1
    assert (await waited(Waiting(approvals, store, PATIENCE), number, Told())).state is ApprovalState.EXPIRED


async def test_the_number_of_another_caller_is_no_number(approvals: Approvals, store: Store) -> None:
    number = approvals.request(call_of(), STATEMENT)
    for given, caller in ((number, "x"), (number + 1, "ops")):
        with pytest.raises(ConfirmationError, match=f"there is no approval {given} for this call"):
            await waited(Waiting(approvals, store, PATIENCE), given, Told(), caller)


async def test_a_store_that_fails_ends_the_wait(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    store = Store.in_directory(tmp_path / "state")
    with pytest.raises(StoreError):
        await waited(Waiting(Approvals(store), store, PATIENCE), 1, Told())
