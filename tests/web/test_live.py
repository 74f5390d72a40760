"""Live updates: what a page is told, when, and how many may listen."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
import pytest

from proxmox_mcp.errors import RateLimitError, StoreError
from proxmox_mcp.web import live
from proxmox_mcp.web.live import Live

if TYPE_CHECKING:
    from proxmox_mcp.store import Store

pytestmark = pytest.mark.anyio


class State:
    """The marks as the store would have them, and how often they were read."""

    def __init__(self) -> None:
        self.marks = {"approvals": "1", "activity": "1"}
        self.reads = 0
        self.away = False

    def __call__(self) -> dict[str, str]:
        self.reads += 1
        if self.away:
            raise StoreError("the store is away")
        return dict(self.marks)


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> State:
    monkeypatch.setattr(live, "PAUSE", 0.02)
    monkeypatch.setattr(live, "SLOWER", {"tasks": 1e6, "cluster": 1e6})
    return State()


async def next_event(events: object) -> str:
    with anyio.fail_after(30):
        return bytes(await events.__anext__()).decode()  # type: ignore[attr-defined]


async def test_a_page_is_told_what_changed_since_it_was_made(state: State, store: Store) -> None:
    listening = Live(store, state)
    async with aclosing(listening.events("lena", {"approvals": "0", "activity": "1"})) as events:
        assert (await next_event(events)).startswith("retry:")
        assert await next_event(events) == "event: changed\ndata: approvals\n\n"
        state.marks["activity"] = "2"
        assert await next_event(events) == "event: changed\ndata: activity\n\n"


async def test_many_pages_share_one_look_at_the_store(state: State, store: Store) -> None:
    listening = Live(store, state, clock=lambda: 0.0)
    for number in range(20):
        async with aclosing(listening.events(f"session-{number}", {"approvals": "0"})) as events:
            await next_event(events)
            await next_event(events)
    assert state.reads == 1


async def test_all_pages_are_told_in_the_same_moments_however_late_they_began(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then they fetch together, and what is the same for all of them is made once."""
    now, state = 10.25, State()

    async def passes(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(anyio, "sleep", passes)

    async def told() -> list[float]:
        moments = []
        async with aclosing(Live(store, state, clock=lambda: now).events("lena", {})) as events:
            await next_event(events)
            while now < 20.0:
                state.marks["activity"] = str(now)
                if "activity" in await next_event(events):
                    moments.append(now)
        return moments

    early = await told()
    now = 10.75
    assert await told() == early == [11.0, 15.0, 20.0]


async def test_a_page_with_running_tasks_is_told_to_look_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSE", 0.02)
    monkeypatch.setattr(live, "SLOWER", {"tasks": 0.02, "cluster": 1e6})
    state = State()
    async with aclosing(Live(store, state).events("lena", dict(state.marks))) as events:
        await next_event(events)
        assert await next_event(events) == "event: changed\ndata: tasks\n\n"


async def test_a_store_that_is_away_ends_no_stream(state: State, store: Store) -> None:
    listening = Live(store, state)
    async with aclosing(listening.events("lena", dict(state.marks))) as events:
        await next_event(events)
        state.away = True
        with anyio.move_on_after(0.2):
            await next_event(events)
        state.away = False
        state.marks["approvals"] = "2"
    async with aclosing(listening.events("lena", {"approvals": "1", "activity": "1"})) as events:
        await next_event(events)
        assert "approvals" in await next_event(events)


async def test_a_session_and_all_together_have_a_bound(state: State, store: Store) -> None:
    listening = Live(store, state)
    opened = [listening.events("lena", {}) for _ in range(8)]
    for each in opened:
        await next_event(each)
    with pytest.raises(RateLimitError, match="Close some"):
        listening.admit("lena")
    listening.admit("jo")
    await opened[0].aclose()
    listening.admit("lena")
    for each in opened[1:]:
        await each.aclose()
