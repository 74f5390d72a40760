"""One command in a container among replicas: two processes' views of one real store."""

from __future__ import annotations

import anyio
import pytest

from patience import PATIENCE, eventually
from proxmox_mcp.errors import GuardError, GuestSessionError
from proxmox_mcp.guests.shared_locks import SharedLocks
from redis_server import RedisServer, Replicas, needs_redis

pytestmark = [needs_redis, pytest.mark.anyio]


async def test_a_guest_that_another_replica_holds_is_waited_for_and_then_refused(replicas: Replicas) -> None:
    one, other = map(SharedLocks, replicas)
    async with one.hold("prod/lxc/105", 1):
        with pytest.raises(GuestSessionError, match="one runs at a time"):
            async with other.hold("prod/lxc/105", 0.01):
                pytest.fail("two hold it")
        async with other.hold("prod/lxc/106", 0.01):
            pass
    async with other.hold("prod/lxc/105", 0.01):
        pass


async def test_an_error_inside_gives_the_guest_back_and_comes_out_as_it_is(replicas: Replicas) -> None:
    one, other = map(SharedLocks, replicas)
    with pytest.raises(ValueError, match="inside"):
        async with one.hold("a", 1):
            raise ValueError("inside")
    async with other.hold("a", 0.01):
        pass


async def test_a_long_command_keeps_its_guest_and_a_dead_replica_loses_it(replicas: Replicas) -> None:
    state = replicas[0]
    one, other = SharedLocks(state, lease=1.0, renew=0.1), SharedLocks(replicas[1])
    async with one.hold("a", 1):
        await anyio.sleep(1.5)
        with pytest.raises(GuestSessionError):
            async with other.hold("a", 0.01):
                pytest.fail("two hold it")
    state.ask(lambda client: client.set("proxmox-mcp:guest:b", "dead", px=500))
    async with other.hold("b", PATIENCE):
        pass


async def test_nothing_runs_where_the_store_is_away(redis: RedisServer, replicas: Replicas) -> None:
    locks = SharedLocks(replicas[0])
    redis.stop()
    with pytest.raises(GuardError):
        async with locks.hold("a", 1):
            pytest.fail("it was held")


async def test_what_is_cancelled_gives_the_guest_back(replicas: Replicas) -> None:
    one, other = map(SharedLocks, replicas)
    held = anyio.Event()

    async def hold() -> None:
        async with one.hold("a", 1):
            held.set()
            await anyio.sleep(PATIENCE)

    async with anyio.create_task_group() as group:
        group.start_soon(hold)
        await eventually(held.is_set)
        group.cancel_scope.cancel()
    async with other.hold("a", 0.01):
        pass
