"""Calls that wait for an operator: what is sent once they are approved, and what is told when they are not."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from patience import PATIENCE
from proxmox_mcp.confirm.approvals import ApprovalState
from proxmox_mcp.errors import ConfirmationError, ConfirmationNeededError
from proxmox_mcp.gateway import Gateway, Request
from proxmox_mcp.gateway.request import NoClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from proxmox.raw_server import RawServer

pytestmark = pytest.mark.anyio

DELETE = Request(path="/nodes/pve1/qemu/101", method="DELETE")
LINK = "https://pve.example.org/console/approvals/1"


class Waits(NoClient):
    """A client that follows progress: at the first message something is done by somebody else."""

    follows_progress = True

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.told: list[str] = []
        self.links: list[tuple[str, str]] = []
        self._meanwhile = meanwhile

    @asynccontextmanager
    async def link_shown(self, text: str, link: str, key: str) -> AsyncIterator[None]:
        self.links.append((link, key))
        yield

    async def progress(self, done: float | None, text: str) -> None:
        if text.startswith("waiting for approval"):
            self.told.append(text)
            if len(self.told) == 1:
                await anyio.to_thread.run_sync(self._meanwhile)


@pytest.fixture
async def operated(recorder: RawServer, gateway_to: Callable[..., Gateway]) -> AsyncIterator[Gateway]:
    """A gateway whose calls wait for an operator as long as a test has patience."""
    made = gateway_to(
        recorder.port,
        MCP_CONFIRM="operator",
        MCP_APPROVAL_WAIT=str(PATIENCE),
        MCP_PUBLIC_URL="https://pve.example.org",
        MCP_CONCURRENCY="1",
    )
    yield made
    await made.aclose()


def decides(gateway: Gateway, *, approve: bool, reason: str = "") -> Callable[[], object]:
    return lambda: gateway.guard.approvals.decide(1, approve=approve, by="lena", reason=reason)


async def test_a_call_that_is_approved_while_it_waits_is_made(operated: Gateway, recorder: RawServer) -> None:
    before = len(recorder.posted)
    client = Waits(decides(operated, approve=True))
    assert (await operated.call(DELETE, client)).startswith("Done: DELETE /nodes/pve1/qemu/101\n")
    assert client.told == [f"waiting for approval 1: {LINK}"]
    assert client.links == [(LINK, "approval-1")]
    assert len(recorder.posted) == before + 1
    assert operated.guard.approvals.get(1).state is ApprovalState.USED


async def test_a_call_that_is_denied_while_it_waits_is_told_why(operated: Gateway, recorder: RawServer) -> None:
    before = len(recorder.posted)
    client = Waits(decides(operated, approve=False, reason="not during the backup"))
    with pytest.raises(ConfirmationError, match='request 1 is denied by lena: "not during the backup"') as refused:
        await operated.call(DELETE, client)
    assert "Ask the user" in refused.value.advice
    assert len(recorder.posted) == before


async def test_a_wait_that_is_cancelled_sends_nothing_and_leaves_the_approval_to_the_same_call(
    operated: Gateway, recorder: RawServer
) -> None:
    before = len(recorder.posted)
    async with anyio.create_task_group() as group:

        async def call() -> None:
            await operated.call(DELETE, Waits(partial(anyio.from_thread.run_sync, group.cancel_scope.cancel)))

        group.start_soon(call)
    decides(operated, approve=True)()
    assert len(recorder.posted) == before
    client = Waits()
    assert (await operated.call(DELETE, client)).startswith("Done: ")
    assert (client.told, client.links) == ([], [("", "approval-1")]), "what is approved waits for nobody"
    assert len(recorder.posted) == before + 1


async def test_other_calls_run_while_one_waits(operated: Gateway) -> None:
    client = Waits()

    async def meanwhile(done: float | None, text: str) -> None:
        if not client.told:
            client.told.append(await operated.call(Request(path="/version")))
            operated.guard.approvals.decide(1, approve=True, by="lena")

    client.progress = meanwhile  # type: ignore[method-assign]
    assert (await operated.call(DELETE, client)).startswith("Done: ")
    assert "9.2.1" in client.told[0]


async def test_after_the_wait_the_number_is_handed_back_and_waits_on(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway = gateway_to(recorder.port, MCP_CONFIRM="operator", MCP_APPROVAL_WAIT="0.01")
    with pytest.raises(ConfirmationNeededError) as asked:
        await gateway.call(DELETE)
    assert asked.value.advice == (
        "Ask the operator to approve it in the console or with `proxmox-mcp approve 1` on the server. "
        "To wait for that, and then to do it, repeat the same call with confirm: 1"
    )
    with pytest.raises(ConfirmationNeededError, match="- VM 101"):
        await gateway.call(DELETE)
    number = Request(path=DELETE.path, method="DELETE", confirm="1")
    client = Waits()
    with pytest.raises(ConfirmationError, match="request 1 waits for a person"):
        await gateway.call(number, client)
    assert client.told == ["waiting for approval 1: in the console or with `proxmox-mcp approve 1` on the server"]
    before = len(recorder.posted)
    gateway.guard.approvals.decide(1, approve=True, by="lena")
    assert (await gateway.call(number)).startswith("Done: ")
    assert len(recorder.posted) == before + 1
    with pytest.raises(ConfirmationError, match="request 1 is used"):
        await gateway.call(number)


async def test_an_approval_comes_before_the_token_where_the_console_is_open(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway = gateway_to(recorder.port, MCP_APPROVAL_WAIT="0")
    with pytest.raises(ConfirmationNeededError) as asked:
        await gateway.call(DELETE)
    assert "The token shows that this was stated" in asked.value.advice
    now = gateway.guard.operators.clock()
    with gateway.guard.store.transaction() as db:
        row = {"key": "a", "person": "lena", "role": "operator", "created": now, "agent": "", "address": ""}
        db.execute(db.tables.console_sessions.insert().values(**row, seen=now, expires=now + 600))
    with pytest.raises(ConfirmationNeededError) as asked:
        await gateway.call(DELETE)
    assert "Ask the operator to approve it" in asked.value.advice
