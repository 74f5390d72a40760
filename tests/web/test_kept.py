"""What pages show of a cluster is read once a minute, for all who look."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from proxmox_mcp.web.kept import KEPT_SECONDS, Kept

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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
