"""One command at a time in each guest of one process."""

from __future__ import annotations

import contextlib
import gc
import weakref
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from patience import PATIENCE
from proxmox_mcp.errors import GuestSessionError
from proxmox_mcp.guests import LocalLocks

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


async def test_a_lock_is_waited_for_only_so_long_and_given_back_whatever_happens() -> None:
    locks = LocalLocks()
    async with locks.hold("prod/lxc/105", 1):
        with pytest.raises(GuestSessionError, match="one runs at a time"):
            async with locks.hold("prod/lxc/105", 0.01):
                pass
        async with locks.hold("other/lxc/105", 0.01):
            pass
    with pytest.raises(RuntimeError):
        async with locks.hold("prod/lxc/105", 0.01):
            raise RuntimeError
    async with locks.hold("prod/lxc/105", 0.01):
        pass


async def test_a_caller_that_is_cancelled_while_it_waits_takes_no_lock() -> None:
    locks = LocalLocks()

    async def wait() -> None:
        async with locks.hold("a", PATIENCE):
            pytest.fail("it was held")

    async with locks.hold("a", 1), anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    async with locks.hold("a", 0.01):
        pass


class GuestKey(str):
    """A key of a guest that tells when nobody holds it any more: a string alone can't be watched."""

    __slots__ = ("__weakref__",)


@pytest.fixture
def nothing_older_is_collected() -> Iterator[None]:
    """What earlier tests have left takes seconds to look through, and what they left unclosed is no fault of ours."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("nothing_older_is_collected")
async def test_nothing_is_kept_of_a_guest_whose_lock_nobody_holds_or_waits_for() -> None:
    locks, guests = LocalLocks(), [GuestKey(name) for name in ("held", "refused", "failed", "cancelled")]
    known = [weakref.ref(guest) for guest in guests]

    async def use(guest: GuestKey) -> None:
        async with locks.hold(guest, 1):
            if guest == "refused":
                with pytest.raises(GuestSessionError):
                    async with locks.hold(guest, 0.01):
                        pass
            if guest == "failed":
                raise RuntimeError
            if guest == "cancelled":
                with anyio.move_on_after(0.01):
                    async with locks.hold(guest, PATIENCE):
                        pytest.fail("it was held")

    while guests:
        with contextlib.suppress(RuntimeError):
            await use(guests.pop())
    gc.collect()
    assert [key() for key in known] == [None] * 4
