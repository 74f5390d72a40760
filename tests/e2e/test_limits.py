"""How much one caller may ask for, and what is told who asks for more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from clients import Answer, connect
from in_process import serving_here

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def test_calls_beyond_the_rate_are_refused_with_when_to_come_again(
    on_demo: dict[str, str], tmp_path: Path
) -> None:
    async with serving_here(tmp_path, **on_demo, MCP_RATE_LIMIT="3") as here, connect(here) as session:
        told = [await session.get("/version", fields="release") for _ in range(4)]
        searched = await session.call("search_api", query="start a vm")
    assert [answer.is_error for answer in told] == [False, False, False, True]
    assert told[3].text.startswith("more than 3 calls within a minute\nTry again in ")
    assert searched.is_error


async def test_calls_at_the_same_time_are_bounded(on_demo: dict[str, str], tmp_path: Path) -> None:
    answers: list[Answer] = []
    async with serving_here(tmp_path, **on_demo, MCP_CONCURRENCY="2") as here, connect(here, "http") as session:

        async def back_up(vmid: int) -> None:
            call = session.make("POST", "/nodes/pve2/vzdump", {"vmid": str(vmid), "storage": "nas"})
            answers.append(await call)

        async with anyio.create_task_group() as group:
            for vmid in (105, 106, 111):
                group.start_soon(back_up, vmid)
        assert not (await session.get("/version")).is_error
    refused = [answer for answer in answers if answer.is_error]
    assert len(refused) == 1
    assert "2 of your calls are running, the most allowed" in refused[0].text
