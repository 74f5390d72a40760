"""What pages show is read or made once for all who look."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from proxmox_mcp.web.kept import KEPT_SECONDS, Kept, Shared

pytestmark = pytest.mark.anyio


class Reads:
    """A cluster that is read slowly, and how often."""

    def __init__(self) -> None:
        self.made = 0

    async def __call__(self) -> int:
        self.made += 1
        made = self.made
        await anyio.lowlevel.checkpoint()
        return made


async def test_it_is_read_again_after_a_minute_and_for_each_cluster_apart() -> None:
    now = 0.0
    kept, read = Kept[int](lambda: now), Reads()
    assert await kept.get("office", read) == 1
    now += KEPT_SECONDS - 1
    assert await kept.get("office", read) == 1
    assert await kept.get("lab", read) == 2
    now += 1
    assert await kept.get("office", read) == 3


async def test_who_asks_meanwhile_waits_for_the_same_reading() -> None:
    kept, read = Kept[int](), Reads()
    found: list[int] = []

    async def ask() -> None:
        found.append(await kept.get("office", read))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
    assert found == [1] * 5


async def test_a_reading_that_failed_is_not_kept() -> None:
    kept, read = Kept[int](), Reads()

    async def fail() -> int:
        raise OSError

    with pytest.raises(OSError):
        await kept.get("office", fail)
    assert await kept.get("office", read) == 1


async def test_a_view_is_made_once_for_all_until_its_mark_is_another() -> None:
    shared, make = Shared[int](), Reads()
    found: list[int] = []

    async def ask(mark: str) -> None:
        found.append(await shared.get("all", mark, make))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask, "1")
    await ask("2")
    await ask("2")
    assert found == [1] * 5 + [2, 2]
    assert await shared.get("writes", "2", make) == 3


async def test_of_many_views_the_oldest_are_forgotten() -> None:
    shared, make = Shared[int](), Reads()
    for number in range(100):
        await shared.get(number, "1", make)
    assert await shared.get(99, "1", make) == 100
    assert await shared.get(0, "1", make) == 101


async def test_a_view_that_failed_is_made_again() -> None:
    shared, make = Shared[int](), Reads()

    async def fail() -> int:
        raise OSError

    with pytest.raises(OSError):
        await shared.get("all", "1", fail)
    assert await shared.get("all", "1", make) == 1
