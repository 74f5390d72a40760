from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.confirm.approvals import Approvals, ApprovalState
from proxmox_mcp.confirm.statement import Statement
from proxmox_mcp.errors import ConfirmationError, StoreError
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Caller
from proxmox_mcp.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clock import Clock

CALL = Call(
    caller=Caller(name="ops"),
    cluster="",
    method="DELETE",
    path=ApiPath.parse("/nodes/pve1/qemu/102"),
    data={"password": "hunter2"},
)
STATEMENT = Statement("deletes VM 102 `forum`", "forum")


@pytest.fixture
def approvals(store: Store, clock: Clock) -> Approvals:
    return Approvals(store, clock)


def test_what_a_person_approved_in_another_process_goes_through_once(
    approvals: Approvals, open_store: Callable[[], Store], clock: Clock
) -> None:
    number = approvals.request(CALL, STATEMENT)
    Approvals(open_store(), clock).decide(number, approve=True, by="anna")
    assert approvals.redeem(number, CALL, STATEMENT) == "anna"
    with pytest.raises(ConfirmationError, match="is used"):
        approvals.redeem(number, CALL, STATEMENT)


def test_nothing_goes_through_before_it_is_approved(approvals: Approvals) -> None:
    number = approvals.request(CALL, STATEMENT)
    with pytest.raises(ConfirmationError, match="waits for a person") as refused:
        approvals.redeem(number, CALL, STATEMENT)
    assert f"proxmox-mcp approve {number}" in refused.value.advice


def test_what_was_denied_stays_denied(approvals: Approvals) -> None:
    number = approvals.request(CALL, STATEMENT)
    approvals.decide(number, approve=False, by="anna")
    with pytest.raises(ConfirmationError, match="is denied"):
        approvals.redeem(number, CALL, STATEMENT)
    with pytest.raises(ConfirmationError, match="is denied"):
        approvals.decide(number, approve=True, by="model")


def test_a_denial_is_told_once_before_the_same_call_asks_again(approvals: Approvals) -> None:
    first = approvals.request(CALL, STATEMENT)
    approvals.decide(first, approve=False, by="anna", reason="not during the backup")
    with pytest.raises(ConfirmationError, match=f'request {first} is denied by anna: "not during the backup"'):
        approvals.request(CALL, Statement("deletes VM 102 `forum`, which runs by now", "forum"))
    second = approvals.request(CALL, STATEMENT)
    assert second > first
    approvals.decide(second, approve=False, by="anna")
    with pytest.raises(ConfirmationError, match=f"request {second} is denied"):
        approvals.redeem(second, CALL, STATEMENT)
    assert approvals.request(CALL, STATEMENT) > second, "it was told where the call came with its number"


def test_a_denial_says_nothing_to_other_calls_nor_a_day_later(approvals: Approvals, clock: Clock) -> None:
    denied = approvals.request(CALL, STATEMENT)
    approvals.decide(denied, approve=False, by="anna")
    for other in (replace(CALL, data={}), replace(CALL, caller=Caller(name="x"))):
        assert approvals.request(other, STATEMENT) > denied
    clock.now += 86400
    assert approvals.request(CALL, STATEMENT) > denied


def test_an_approval_is_for_the_exact_call_of_that_caller(approvals: Approvals) -> None:
    number = approvals.request(CALL, STATEMENT)
    approvals.decide(number, approve=True, by="anna")
    for other in (
        replace(CALL, caller=Caller(name="x")),
        replace(CALL, path=ApiPath.parse("/nodes/pve1/qemu/103")),
        replace(CALL, data={}),
    ):
        with pytest.raises(ConfirmationError, match="no approval"):
            approvals.redeem(number, other, STATEMENT)
    approvals.redeem(number, CALL, STATEMENT)


def test_a_changed_guest_is_refused(approvals: Approvals) -> None:
    number = approvals.request(CALL, STATEMENT)
    approvals.decide(number, approve=True, by="anna")
    with pytest.raises(ConfirmationError, match="has changed"):
        approvals.redeem(number, CALL, replace(STATEMENT, identity="shop"))


def test_the_same_call_asks_once(approvals: Approvals) -> None:
    assert approvals.request(CALL, STATEMENT) == approvals.request(CALL, STATEMENT)
    assert approvals.request(CALL, replace(STATEMENT, identity="shop")) == 2
    assert [approval.number for approval in approvals.pending()] == [1, 2]


def test_a_used_approval_is_asked_for_anew(approvals: Approvals) -> None:
    number = approvals.request(CALL, STATEMENT)
    approvals.decide(number, approve=True, by="anna")
    approvals.redeem(number, CALL, STATEMENT)
    assert approvals.request(CALL, STATEMENT) != number


def test_a_request_expires_after_an_hour_and_an_approval_after_ten_minutes(approvals: Approvals, clock: Clock) -> None:
    undecided = approvals.request(CALL, STATEMENT)
    unused = approvals.request(replace(CALL, path=ApiPath.parse("/x")), STATEMENT)
    approvals.decide(unused, approve=True, by="anna")
    clock.now += 601
    assert approvals.get(unused).state is ApprovalState.EXPIRED
    assert approvals.get(undecided).state is ApprovalState.PENDING
    clock.now += 3000
    with pytest.raises(ConfirmationError, match="is expired"):
        approvals.decide(undecided, approve=True, by="anna")


def test_one_caller_can_not_fill_the_queue(approvals: Approvals) -> None:
    for number in range(50):
        approvals.request(replace(CALL, path=ApiPath.parse(f"/{number}")), STATEMENT)
    with pytest.raises(ConfirmationError, match="50 of your calls wait"):
        approvals.request(CALL, STATEMENT)
    assert approvals.request(replace(CALL, caller=Caller(name="other")), STATEMENT)


def test_an_unknown_number_is_an_error(approvals: Approvals) -> None:
    with pytest.raises(ConfirmationError, match="no request 7"):
        approvals.decide(7, approve=True, by="anna")


def test_of_many_that_redeem_one_approval_at_once_one_succeeds(
    approvals: Approvals, open_store: Callable[[], Store], clock: Clock
) -> None:
    number = approvals.request(CALL, STATEMENT)
    approvals.decide(number, approve=True, by="anna")
    replicas = [Approvals(open_store(), clock) for _ in range(4)]

    def redeem(replica: Approvals) -> str:
        try:
            return replica.redeem(number, CALL, STATEMENT)
        except ConfirmationError:
            return ""

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(redeem, replicas * 2)) == [""] * 7 + ["anna"]


def test_the_file_holds_no_parameters(tmp_path: Path) -> None:
    Approvals(Store.in_directory(tmp_path)).request(CALL, STATEMENT)
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"deletes VM 102" in written
    assert b"hunter2" not in written


def test_a_store_that_can_not_be_used_lets_nothing_through(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"not a database, but long enough to be read as the header of one" * 20)
    with pytest.raises(StoreError, match="can't be used"):
        Approvals(Store.in_directory(tmp_path)).redeem(1, CALL, STATEMENT)


@pytest.mark.parametrize("ended", ["used", "denied", "expired"])
def test_what_no_longer_waits_keeps_the_statement_without_its_code(
    approvals: Approvals, clock: Clock, ended: str
) -> None:
    whole = Statement("runs a secret", "x", redacted="runs [secret]")
    number = approvals.request(CALL, whole)
    assert approvals.get(number).statement == "runs a secret"
    if ended == "expired":
        clock.now += 3601
    else:
        approvals.decide(number, approve=ended == "used", by="anna")
    if ended == "used":
        assert approvals.get(number).statement == "runs a secret"
        approvals.redeem(number, CALL, whole)
    assert (approvals.get(number).state, approvals.get(number).statement) == (ended, "runs [secret]")
