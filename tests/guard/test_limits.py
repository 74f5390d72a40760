from __future__ import annotations

import pytest

from proxmox_mcp.errors import RateLimitError
from proxmox_mcp.guard.caller import Caller, Limits
from proxmox_mcp.guard.limits import RateLimits

ANNA, BEN = Caller(name="anna"), Caller(name="ben")


def test_calls_within_a_minute_are_counted_for_each_caller() -> None:
    now = 0.0
    limits = RateLimits(Limits(calls_per_minute=2), clock=lambda: now)
    for _ in range(2):
        with limits.call(ANNA):
            now += 10
    with pytest.raises(RateLimitError, match="more than 2 calls") as refused, limits.call(ANNA):
        pass
    assert refused.value.advice == "Try again in 41 s."
    with limits.call(BEN):
        now += 41
    with limits.call(ANNA):
        pass


def test_calls_at_the_same_time_are_counted_until_they_end_however_they_end() -> None:
    limits = RateLimits(Limits(concurrent=1))
    with limits.call(ANNA):
        with pytest.raises(RateLimitError, match="1 of your calls are running"), limits.call(ANNA):
            pass
        with limits.call(BEN):
            pass
    with pytest.raises(ValueError, match="broken"), limits.call(ANNA):
        raise ValueError("broken")
    with limits.call(ANNA):
        pass


def test_a_callers_own_limit_holds_instead() -> None:
    limits = RateLimits(Limits(calls_per_minute=1))
    generous = Caller(name="ci", limits=Limits(calls_per_minute=3))
    for _ in range(3):
        with limits.call(generous):
            pass
    with pytest.raises(RateLimitError), limits.call(generous):
        pass


def test_without_a_limit_nothing_is_kept() -> None:
    limits = RateLimits(Limits())
    for _ in range(100):
        with limits.call(ANNA):
            pass
    assert len(limits._recent["anna"]) == 0
