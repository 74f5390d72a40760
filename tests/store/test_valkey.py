"""Two replicas' views of one store: a real Valkey or Redis."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.confirm.confirmations import Confirmations
from proxmox_mcp.confirm.statement import Statement
from proxmox_mcp.errors import ConfirmationError, GuardError, SettingsError
from proxmox_mcp.installation import install_command
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Caller
from proxmox_mcp.store import valkey
from proxmox_mcp.store.valkey import SharedConfirmations, SharedState
from redis_server import PASSWORD, RedisServer, Replicas, needs_redis

pytestmark = needs_redis

CALL = Call(
    caller=Caller(name="ops"),
    cluster="lab",
    method="DELETE",
    path=ApiPath.parse("/nodes/pve1/qemu/102"),
    data={"purge": "1"},
)
STATEMENT = Statement("deletes VM 102 `forum`", '[["VM","102",{"name":"forum"}]]')


def confirmations(state: SharedState, lifetime: float = 600) -> Confirmations:
    return Confirmations(SharedConfirmations(state), lifetime)


def test_a_token_of_one_replica_confirms_at_the_other_once(replicas: Replicas) -> None:
    one, other = map(confirmations, replicas)
    token = one.issue(CALL, STATEMENT)
    other.redeem(token, CALL, STATEMENT)
    for each in (one, other):
        with pytest.raises(ConfirmationError, match="used before"):
            each.redeem(token, CALL, STATEMENT)


def test_of_many_uses_at_once_at_both_replicas_one_succeeds(replicas: Replicas) -> None:
    token = confirmations(replicas[0]).issue(CALL, STATEMENT)

    def attempt(number: int) -> bool:
        try:
            confirmations(replicas[number % 2]).redeem(token, CALL, STATEMENT)
        except ConfirmationError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(64))) == 1


def test_a_token_expires_in_the_store(replicas: Replicas) -> None:
    one, other = (confirmations(each, lifetime=0.05) for each in replicas)
    token = one.issue(CALL, STATEMENT)
    time.sleep(0.1)
    with pytest.raises(ConfirmationError, match="unknown"):
        other.redeem(token, CALL, STATEMENT)


def test_the_store_holds_no_token(replicas: Replicas) -> None:
    token = confirmations(replicas[0]).issue(CALL, STATEMENT)
    kept = replicas[0].ask(lambda client: {key: client.get(key) for key in client.scan_iter()})
    assert len(kept) == 1
    assert token not in str(kept)


def test_without_the_store_nothing_is_confirmed_and_the_error_shows_no_password(
    redis: RedisServer, replicas: Replicas
) -> None:
    one = confirmations(replicas[0])
    token = one.issue(CALL, STATEMENT)
    redis.stop()
    for attempt in (lambda: one.redeem(token, CALL, STATEMENT), lambda: one.issue(CALL, STATEMENT)):
        with pytest.raises(GuardError, match="can't be reached") as caught:
            attempt()
        assert "Nothing was sent" in caught.value.advice
        assert PASSWORD not in str(caught.value)
    assert replicas[0].fault
    redis.start()
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


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "redis://localhost:port", "redis://h/0?db=x"])
def test_a_url_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match="MCP_STATE_URL") as caught:
        SharedState(url)
    assert "rediss://" in caught.value.advice


def test_a_valkey_url_is_taken(redis: RedisServer) -> None:
    state = SharedState(redis.url.replace("redis://", "valkey://"))
    assert state.ask(lambda client: client.ping())
    state.close()


def test_without_the_client_the_start_is_refused_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(SettingsError, match="not installed") as caught:
        SharedState("redis://localhost")
    assert install_command("replicas") in caught.value.advice
