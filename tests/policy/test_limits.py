from __future__ import annotations

import pytest

from proxmox_mcp.errors import RateLimitError
from proxmox_mcp.policy.caller import Caller, Limits
from proxmox_mcp.policy.limits import ProcessLimits, RateLimits

pytestmark = pytest.mark.anyio
ANNA, BEN = Caller(name="anna"), Caller(name="ben")


async def refusal(limits: RateLimits, caller: Caller) -> RateLimitError:
    """What a caller is told who is over a limit."""
    with pytest.raises(RateLimitError) as refused:
        async with limits.call(caller):
            pass
    return refused.value


async def test_calls_within_a_minute_are_counted_for_each_caller() -> None:
    now = 0.0
    limits = ProcessLimits(Limits(calls_per_minute=2), clock=lambda: now)
    for _ in range(2):
        async with limits.call(ANNA):
            now += 10
    refused = await refusal(limits, ANNA)
    assert refused.message == "more than 2 calls within a minute"
    assert refused.advice == "Try again in 41 s."
    async with limits.call(BEN):
        now += 41
    async with limits.call(ANNA):
        pass


async def test_calls_at_the_same_time_are_counted_until_they_end_however_they_end() -> None:
    limits = ProcessLimits(Limits(concurrent=1))
    async with limits.call(ANNA):
        assert "1 of your calls are running" in (await refusal(limits, ANNA)).message
        async with limits.call(BEN):
            pass
    with pytest.raises(ValueError, match="broken"):
        async with limits.call(ANNA):
            raise ValueError("broken")
    async with limits.call(ANNA):
        pass


async def test_a_callers_own_limit_holds_instead() -> None:
    limits = ProcessLimits(Limits(calls_per_minute=1))
    generous = Caller(name="ci", limits=Limits(calls_per_minute=3))
    for _ in range(3):
        async with limits.call(generous):
            pass
    await refusal(limits, generous)


async def test_calls_without_a_limit_are_not_kept() -> None:
    limits = ProcessLimits(Limits())
    for _ in range(100):
        async with limits.call(ANNA):
            pass
    limited = Caller(name=ANNA.name, limits=Limits(calls_per_minute=1))
    async with limits.call(limited):
        pass  # None of the hundred was kept, or this would be one too many.
    await refusal(limits, limited)


async def test_a_call_that_waits_for_a_person_counts_as_none_and_goes_on_whatever_runs_by_then() -> None:
    limits = ProcessLimits(Limits(concurrent=1))
    async with limits.call(ANNA):
        async with limits.waiting(ANNA), limits.call(ANNA):
            await refusal(limits, ANNA)
        assert "1 of your calls are running" in (await refusal(limits, ANNA)).message
    async with limits.call(ANNA):
        pass
