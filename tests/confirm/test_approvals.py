from __future__ import annotations

import sqlite3
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.confirm.approvals import Approvals, ApprovalState
from proxmox_mcp.confirm.statement import Statement
from proxmox_mcp.errors import ConfirmationError, GuardError
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Caller

if TYPE_CHECKING:
    from pathlib import Path

CALL = Call(
    caller=Caller(name="ops"),
    cluster="",
    method="DELETE",
    path=ApiPath.parse("/nodes/pve1/qemu/102"),
    data={"password": "hunter2"},
)
STATEMENT = Statement("deletes VM 102 `forum`", "forum")


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "approvals.db"


@pytest.fixture
def approvals(path: Path, clock: Clock) -> Approvals:
    return Approvals(path, clock)


def test_what_a_person_approved_in_another_process_goes_through_once(
    approvals: Approvals, path: Path, clock: Clock
) -> None:
    number = approvals.request(CALL, STATEMENT)
    Approvals(path, clock).decide(number, approve=True, by="anna")
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


def test_the_file_is_for_its_owner_only_and_holds_no_parameters(approvals: Approvals, path: Path) -> None:
    approvals.request(CALL, STATEMENT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert b"hunter2" not in path.read_bytes()


def test_a_file_that_can_not_be_used_lets_nothing_through(approvals: Approvals, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be read as the header of one" * 20)
    with pytest.raises(GuardError, match="can't be used"):
        approvals.request(CALL, STATEMENT)


def test_a_locked_file_lets_nothing_through(approvals: Approvals, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxmox_mcp.store.sqlite_file._BUSY_SECONDS", 0.05)
    approvals.request(CALL, STATEMENT)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(GuardError, match="locked"):
            approvals.redeem(1, CALL, STATEMENT)
    finally:
        other.close()


def test_a_link_in_place_of_the_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GuardError):
        Approvals(path).pending()
    assert not (tmp_path / "elsewhere").exists()
