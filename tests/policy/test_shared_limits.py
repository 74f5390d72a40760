"""Calls counted over two replicas, in a real Valkey or Redis."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from patience import eventually
from policy.test_limits import refusal
from proxmox_mcp.errors import GuardError
from proxmox_mcp.policy import shared_limits
from proxmox_mcp.policy.caller import Caller, Limits
from proxmox_mcp.policy.shared_limits import SharedLimits
from redis_server import RedisServer, Replicas, needs_redis

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [needs_redis, pytest.mark.anyio]

ANNA, BEN = Caller(name="anna"), Caller(name="ben")


async def test_calls_within_a_minute_are_counted_over_all_replicas(replicas: Replicas) -> None:
    one, other = (SharedLimits(each, Limits(calls_per_minute=3)) for each in replicas)
    for limits in (one, other, one):
        async with limits.call(ANNA):
            pass
    for limits in (one, other):
        refused = await refusal(limits, ANNA)
        assert refused.message == "more than 3 calls within a minute"
        assert re.fullmatch(r"Try again in \d\d s\.", refused.advice)
    async with other.call(BEN):
        pass


async def test_the_window_moves_on(replicas: Replicas, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (SharedLimits(each, Limits(calls_per_minute=1)) for each in replicas)
    async with one.call(ANNA):
        pass
    await refusal(other, ANNA)
    monkeypatch.setattr(shared_limits, "WINDOW_SECONDS", 0.01)
    await anyio.sleep(0.02)
    async with other.call(ANNA):
        pass


async def test_running_calls_are_counted_over_all_replicas_until_they_end(
    replicas: Replicas,
) -> None:
    one, other = (SharedLimits(each, Limits(concurrent=2)) for each in replicas)
    async with one.call(ANNA), other.call(ANNA):
        assert "2 of your calls are running" in (await refusal(one, ANNA)).message
        async with one.call(BEN):
            pass
    with pytest.raises(ValueError, match="broken"):
        async with one.call(ANNA):
            raise ValueError("broken")
    with anyio.move_on_after(0.05):
        async with one.call(ANNA):
            await anyio.sleep(1)
    async with one.call(ANNA), other.call(ANNA):
        pass


async def test_a_running_call_counts_for_as_long_as_its_replica_lives(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_limits, "LOOK_SECONDS", 0.02)
    one, other = (SharedLimits(each, Limits(concurrent=1)) for each in replicas)

    def lease_ends() -> float:
        """When the lease of the call that runs ends, by the clock of the store; 0 once it is gone."""
        (key,) = keys if (keys := replicas[1].ask(lambda client: list(client.scan_iter()))) else ("",)
        leases: Any = replicas[1].ask(lambda client: client.zrange(key, 0, -1, withscores=True))
        return float(leases[0][1]) if leases else 0.0

    async def renewed(seen: Callable[[], bool]) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(one.keep)
            await eventually(seen)
            group.cancel_scope.cancel()

    async with one.call(ANNA):
        first = lease_ends()
        await renewed(lambda: lease_ends() > first)
        await refusal(other, ANNA)
        monkeypatch.setattr(shared_limits, "LEASE_SECONDS", 0.01)
        await renewed(lambda: lease_ends() < first)  # the last that is heard of this replica
        await anyio.sleep(0.02)
        async with other.call(ANNA):
            pass


async def test_without_the_store_no_call_is_made_that_must_be_counted(redis: RedisServer, replicas: Replicas) -> None:
    limits = SharedLimits(replicas[0], Limits(calls_per_minute=3, concurrent=3))
    unlimited = SharedLimits(replicas[1], Limits())
    async with limits.call(ANNA):
        redis.stop()
    with pytest.raises(GuardError, match="can't be reached"):
        async with limits.call(ANNA):
            pass
    assert limits.fault
    async with unlimited.call(ANNA):
        pass
    redis.start()
    async with limits.call(ANNA):
        pass
    assert limits.fault == ""


async def test_a_call_that_waits_for_a_person_counts_for_no_replica_and_goes_on_whatever_runs_by_then(
    replicas: Replicas,
) -> None:
    one, other = (SharedLimits(each, Limits(concurrent=1)) for each in replicas)
    async with one.call(ANNA):
        async with one.waiting(ANNA), other.call(ANNA):
            await refusal(one, ANNA)
        assert "1 of your calls are running" in (await refusal(other, ANNA)).message
    async with other.call(ANNA):
        pass


async def test_a_wait_of_a_caller_without_a_limit_asks_the_store_nothing(
    redis: RedisServer, replicas: Replicas
) -> None:
    redis.stop()
    limits = SharedLimits(replicas[0], Limits())
    async with limits.call(ANNA), limits.waiting(ANNA):
        pass
    assert limits.fault == ""


async def test_a_call_goes_on_after_its_wait_where_the_store_is_away_and_counts_again_once_it_is_back(
    redis: RedisServer, replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_limits, "LOOK_SECONDS", 0.02)
    one, other = (SharedLimits(each, Limits(concurrent=1)) for each in replicas)
    async with one.call(ANNA), anyio.create_task_group() as group:
        group.start_soon(one.keep)
        async with one.waiting(ANNA):
            redis.stop()
        assert one.fault
        redis.start()
        await eventually(lambda: replicas[1].ask(lambda client: client.dbsize()))
        await refusal(other, ANNA)
        group.cancel_scope.cancel()
