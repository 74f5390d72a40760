"""Two replicas' views of one store: a real Valkey or Redis."""

from __future__ import annotations

import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from patience import eventually
from policy.test_limits import refusal
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.confirm.confirmations import Confirmations
from proxmox_mcp.confirm.statement import Statement
from proxmox_mcp.errors import ConfirmationError, GuardError, SettingsError
from proxmox_mcp.installation import install_command
from proxmox_mcp.policy import shared_limits
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Caller, Limits
from proxmox_mcp.policy.shared_limits import SharedLimits
from proxmox_mcp.store import valkey
from proxmox_mcp.store.valkey import SharedConfirmations, SharedState
from redis_server import PASSWORD, RedisServer, needs_redis, redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [needs_redis, pytest.mark.anyio]

CALL = Call(
    caller=Caller(name="ops"),
    cluster="lab",
    method="DELETE",
    path=ApiPath.parse("/nodes/pve1/qemu/102"),
    data={"purge": "1"},
)
STATEMENT = Statement("deletes VM 102 `forum`", '[["VM","102",{"name":"forum"}]]')
ANNA, BEN = Caller(name="anna"), Caller(name="ben")


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def store(one_server: RedisServer) -> RedisServer:
    """An empty store that is up."""
    if one_server.process is None:
        one_server.start()
    state = SharedState(one_server.url)
    state.ask(lambda client: client.flushall())
    state.close()
    return one_server


@pytest.fixture
def replicas(store: RedisServer) -> Iterator[tuple[SharedState, SharedState]]:
    one, other = SharedState(store.url), SharedState(store.url)
    yield one, other
    one.close()
    other.close()


def confirmations(state: SharedState, lifetime: float = 600) -> Confirmations:
    return Confirmations(SharedConfirmations(state), lifetime)


def test_a_token_of_one_replica_confirms_at_the_other_once(replicas: tuple[SharedState, SharedState]) -> None:
    one, other = map(confirmations, replicas)
    token = one.issue(CALL, STATEMENT)
    other.redeem(token, CALL, STATEMENT)
    for each in (one, other):
        with pytest.raises(ConfirmationError, match="used before"):
            each.redeem(token, CALL, STATEMENT)


def test_of_many_uses_at_once_at_both_replicas_one_succeeds(replicas: tuple[SharedState, SharedState]) -> None:
    token = confirmations(replicas[0]).issue(CALL, STATEMENT)

    def attempt(number: int) -> bool:
        try:
            confirmations(replicas[number % 2]).redeem(token, CALL, STATEMENT)
        except ConfirmationError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(64))) == 1


def test_a_token_expires_in_the_store(replicas: tuple[SharedState, SharedState]) -> None:
    one, other = (confirmations(each, lifetime=0.05) for each in replicas)
    token = one.issue(CALL, STATEMENT)
    time.sleep(0.1)
    with pytest.raises(ConfirmationError, match="unknown"):
        other.redeem(token, CALL, STATEMENT)


def test_the_store_holds_no_token(replicas: tuple[SharedState, SharedState]) -> None:
    token = confirmations(replicas[0]).issue(CALL, STATEMENT)
    kept = replicas[0].ask(lambda client: {key: client.get(key) for key in client.scan_iter()})
    assert len(kept) == 1
    assert token not in str(kept)


def test_without_the_store_nothing_is_confirmed_and_the_error_shows_no_password(
    store: RedisServer, replicas: tuple[SharedState, SharedState]
) -> None:
    one = confirmations(replicas[0])
    token = one.issue(CALL, STATEMENT)
    store.stop()
    for attempt in (lambda: one.redeem(token, CALL, STATEMENT), lambda: one.issue(CALL, STATEMENT)):
        with pytest.raises(GuardError, match="can't be reached") as caught:
            attempt()
        assert "Nothing was sent" in caught.value.advice
        assert PASSWORD not in str(caught.value)
    assert replicas[0].fault
    store.start()
    one.redeem(one.issue(CALL, STATEMENT), CALL, STATEMENT)
    assert replicas[0].fault == ""


def test_a_store_that_takes_connections_and_says_nothing_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(valkey, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        state = SharedState(f"redis://127.0.0.1:{mute.getsockname()[1]}/0")
        with pytest.raises(GuardError, match="can't be reached"):
            confirmations(state).issue(CALL, STATEMENT)
        state.close()


async def test_calls_within_a_minute_are_counted_over_all_replicas(replicas: tuple[SharedState, SharedState]) -> None:
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


async def test_the_window_moves_on(replicas: tuple[SharedState, SharedState], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (SharedLimits(each, Limits(calls_per_minute=1)) for each in replicas)
    async with one.call(ANNA):
        pass
    await refusal(other, ANNA)
    monkeypatch.setattr(shared_limits, "WINDOW_SECONDS", 0.01)
    await anyio.sleep(0.02)
    async with other.call(ANNA):
        pass


async def test_running_calls_are_counted_over_all_replicas_until_they_end(
    replicas: tuple[SharedState, SharedState],
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
    replicas: tuple[SharedState, SharedState], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_limits, "LOOK_SECONDS", 0.02)
    one, other = (SharedLimits(each, Limits(concurrent=1)) for each in replicas)

    def lease_ends() -> float:
        leases: Any = replicas[1].ask(
            lambda client: client.zrange(shared_limits._running("anna"), 0, -1, withscores=True)
        )
        return float(leases[0][1])

    async with one.call(ANNA):
        first = lease_ends()
        async with anyio.create_task_group() as group:
            group.start_soon(one.keep)
            await eventually(lambda: lease_ends() > first)
            group.cancel_scope.cancel()
        await refusal(other, ANNA)
        monkeypatch.setattr(shared_limits, "LEASE_SECONDS", 0.01)
        one._renew()  # the last that is heard of this replica
        await anyio.sleep(0.02)
        async with other.call(ANNA):
            pass


async def test_without_the_store_no_call_is_made_that_must_be_counted(
    store: RedisServer, replicas: tuple[SharedState, SharedState]
) -> None:
    limits = SharedLimits(replicas[0], Limits(calls_per_minute=3, concurrent=3))
    unlimited = SharedLimits(replicas[1], Limits())
    async with limits.call(ANNA):
        store.stop()
    with pytest.raises(GuardError, match="can't be reached"):
        async with limits.call(ANNA):
            pass
    assert limits.fault
    async with unlimited.call(ANNA):
        pass
    store.start()
    async with limits.call(ANNA):
        pass
    assert limits.fault == ""


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "redis://localhost:port", "redis://h/0?db=x"])
def test_a_url_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match="MCP_STATE_URL") as caught:
        SharedState(url)
    assert "rediss://" in caught.value.advice


def test_a_valkey_url_is_taken(store: RedisServer) -> None:
    state = SharedState(store.url.replace("redis://", "valkey://"))
    assert state.ask(lambda client: client.ping())
    state.close()


def test_without_the_client_the_start_is_refused_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(SettingsError, match="not installed") as caught:
        SharedState("redis://localhost")
    assert install_command("replicas") in caught.value.advice
