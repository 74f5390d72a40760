from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.confirm.confirmations import (
    ConfirmationMethod,
    Confirmations,
    ConfirmSetting,
    MemoryStore,
    confirmation_method,
)
from proxmox_mcp.confirm.statement import Statement
from proxmox_mcp.errors import ConfirmationError
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Caller

if TYPE_CHECKING:
    from clock import Clock

CALL = Call(
    caller=Caller(name="ops"),
    cluster="lab",
    method="DELETE",
    path=ApiPath.parse("/nodes/pve1/qemu/102"),
    data={"purge": "1"},
)
STATEMENT = Statement("deletes VM 102 `forum`", '[["VM","102",{"name":"forum"}]]')


@pytest.fixture
def confirmations(clock: Clock) -> Confirmations:
    return Confirmations(MemoryStore(clock=clock))


def test_a_token_confirms_its_call_once(confirmations: Confirmations) -> None:
    token = confirmations.issue(CALL, STATEMENT)
    confirmations.redeem(token, CALL, STATEMENT)
    with pytest.raises(ConfirmationError, match="used before"):
        confirmations.redeem(token, CALL, STATEMENT)


@pytest.mark.parametrize(
    "change",
    [
        {"caller": Caller(name="intruder")},
        {"cluster": "home"},
        {"method": "PUT"},
        {"path": ApiPath.parse("/nodes/pve1/qemu/103")},
        {"data": {}},
        {"data": {"purge": "0"}},
        {"data": {"purge": "1", "skiplock": "1"}},
        {"data": {"purge": ["1"]}},
    ],
)
def test_a_token_confirms_no_other_call_and_is_gone_after_the_attempt(
    confirmations: Confirmations, change: dict[str, Any]
) -> None:
    token = confirmations.issue(CALL, STATEMENT)
    with pytest.raises(ConfirmationError, match="another call"):
        confirmations.redeem(token, replace(CALL, **change), STATEMENT)
    with pytest.raises(ConfirmationError, match="unknown"):
        confirmations.redeem(token, CALL, STATEMENT)


def test_a_token_that_was_taken_back_confirms_nothing(confirmations: Confirmations) -> None:
    token = confirmations.issue(CALL, STATEMENT)
    confirmations.withdraw(token)
    with pytest.raises(ConfirmationError):
        confirmations.redeem(token, CALL, STATEMENT)


def test_the_order_of_parameters_makes_no_other_call(confirmations: Confirmations) -> None:
    token = confirmations.issue(replace(CALL, data={"a": "1", "b": "2"}), STATEMENT)
    confirmations.redeem(token, replace(CALL, data={"b": "2", "a": "1"}), STATEMENT)


def test_a_guest_that_changed_in_between_is_refused_with_what_is_there_now(confirmations: Confirmations) -> None:
    token = confirmations.issue(CALL, STATEMENT)
    with pytest.raises(ConfirmationError, match="Now: deletes VM 102 `shop`"):
        confirmations.redeem(token, CALL, Statement("deletes VM 102 `shop`", '[["VM","102",{"name":"shop"}]]'))


def test_another_wording_of_the_same_things_is_no_change(confirmations: Confirmations) -> None:
    token = confirmations.issue(CALL, STATEMENT)
    confirmations.redeem(token, CALL, replace(STATEMENT, text="the same, running now"))


def test_a_token_expires_after_ten_minutes(confirmations: Confirmations, clock: Clock) -> None:
    early, late = (confirmations.issue(CALL, STATEMENT) for _ in range(2))
    clock.now += 599
    confirmations.redeem(early, CALL, STATEMENT)
    clock.now += 2
    with pytest.raises(ConfirmationError, match="10 minutes"):
        confirmations.redeem(late, CALL, STATEMENT)


@pytest.mark.parametrize("guess", ["", "yes", "true", "1", "\udc80", "A" * 22])
def test_what_was_never_issued_confirms_nothing(confirmations: Confirmations, guess: str) -> None:
    confirmations.issue(CALL, STATEMENT)
    with pytest.raises(ConfirmationError):
        confirmations.redeem(guess, CALL, STATEMENT)


def test_of_many_uses_at_once_one_succeeds(confirmations: Confirmations) -> None:
    token = confirmations.issue(CALL, STATEMENT)

    def attempt(_: int) -> bool:
        try:
            confirmations.redeem(token, CALL, STATEMENT)
        except ConfirmationError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(64))) == 1


def test_the_store_holds_no_token(clock: Clock) -> None:
    given: list[object] = []

    class Watched(MemoryStore):
        def issue(self, *entry: Any) -> None:
            given.extend(entry)
            super().issue(*entry)

    confirmations = Confirmations(Watched(clock=clock))
    token = confirmations.issue(CALL, STATEMENT)
    assert given
    assert token not in str(given)
    assert len(token) >= 22
    confirmations.redeem(token, CALL, STATEMENT)


def test_the_store_is_bounded_and_forgets_the_oldest(clock: Clock) -> None:
    store = MemoryStore(limit=2, clock=clock)
    for key in "abc":
        store.issue(key, key.upper(), 10, "ops")
    assert [store.take(key) for key in "abc"] == [None, "B", "C"]


@pytest.mark.parametrize("greedy", [1, 2, 3])
def test_a_flood_of_confirmations_pushes_out_its_own_and_nobody_elses(greedy: int, clock: Clock) -> None:
    store = MemoryStore(limit=100, clock=clock)
    for number in range(10):
        store.issue(f"patient-{number}", "yes", 10, "patient")
    for number in range(1000):
        store.issue(f"greedy-{number}", "yes", 10, f"greedy-{number % greedy}")
    assert all(store.take(f"patient-{number}") == "yes" for number in range(10))
    assert sum(store.take(f"greedy-{number}") is not None for number in range(1000)) == 90
    assert store.take("greedy-999") is None, "each is taken once"


@pytest.mark.parametrize(
    ("setting", "can_elicit", "person_only", "hears", "expected"),
    [
        (ConfirmSetting.TOKEN, True, False, False, ConfirmationMethod.ELICIT),
        (ConfirmSetting.TOKEN, True, True, False, ConfirmationMethod.ELICIT),
        (ConfirmSetting.TOKEN, False, False, False, ConfirmationMethod.TOKEN),
        (ConfirmSetting.TOKEN, False, True, False, ConfirmationMethod.OPERATOR),
        (ConfirmSetting.TOKEN, True, False, True, ConfirmationMethod.ELICIT),
        (ConfirmSetting.TOKEN, False, False, True, ConfirmationMethod.OPERATOR),
        (ConfirmSetting.TOKEN, False, True, True, ConfirmationMethod.OPERATOR),
        (ConfirmSetting.ELICIT, False, False, True, ConfirmationMethod.REFUSE),
        (ConfirmSetting.ELICIT, True, False, False, ConfirmationMethod.ELICIT),
        (ConfirmSetting.ELICIT, True, True, False, ConfirmationMethod.ELICIT),
        (ConfirmSetting.ELICIT, False, False, False, ConfirmationMethod.REFUSE),
        (ConfirmSetting.ELICIT, False, True, False, ConfirmationMethod.REFUSE),
        (ConfirmSetting.OPERATOR, True, False, False, ConfirmationMethod.OPERATOR),
        (ConfirmSetting.OPERATOR, True, True, False, ConfirmationMethod.OPERATOR),
        (ConfirmSetting.OPERATOR, False, False, False, ConfirmationMethod.OPERATOR),
        (ConfirmSetting.OPERATOR, False, True, False, ConfirmationMethod.OPERATOR),
    ],
)
def test_the_ladder(
    setting: ConfirmSetting, can_elicit: bool, person_only: bool, hears: bool, expected: ConfirmationMethod
) -> None:
    found = confirmation_method(setting, can_elicit=can_elicit, person_only=person_only, operator_hears=lambda: hears)
    assert found is expected
