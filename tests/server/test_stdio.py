"""What runs beside the requests of a client over stdio waits for a pause between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from patience import PATIENCE
from proxmox_mcp.server import stdio
from proxmox_mcp.server.stdio import Requests

if TYPE_CHECKING:
    from mcp.server.context import HandlerResult

pytestmark = pytest.mark.anyio


CONTEXT: Any = None


class Handler:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.answers = anyio.Event()

    async def __call__(self, _: Any) -> HandlerResult:
        await self.answers.wait()
        return {}


async def over_within(requests: Requests, seconds: float) -> bool:
    with anyio.move_on_after(seconds):
        await requests.pause()
        return True
    return False


async def test_a_pause_comes_after_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "_QUIET", 0.01)
    monkeypatch.setattr(stdio, "_LONGEST", 10 * PATIENCE)
    requests, handler = Requests(), Handler()
    async with anyio.create_task_group() as group:
        group.start_soon(requests, CONTEXT, handler)
        await anyio.wait_all_tasks_blocked()
        assert not await over_within(requests, 0.1)
        handler.answers.set()
        assert await over_within(requests, PATIENCE)


async def test_a_request_that_is_never_answered_does_not_hold_up_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "_LONGEST", 0.05)
    requests, handler = Requests(), Handler()
    async with anyio.create_task_group() as group:
        group.start_soon(requests, CONTEXT, handler)
        await anyio.wait_all_tasks_blocked()
        assert await over_within(requests, PATIENCE)
        handler.answers.set()
