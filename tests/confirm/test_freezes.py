from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.confirm.freezes import Freezes
from proxmox_mcp.errors import AuditError, FrozenError, StoreError
from proxmox_mcp.record.audit import AuditLog
from proxmox_mcp.record.redaction import Redactor
from proxmox_mcp.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clock import Clock


@pytest.fixture
def audit(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit.jsonl", Redactor())


@pytest.fixture
def freezes(store: Store, audit: AuditLog, clock: Clock) -> Freezes:
    return Freezes(store, audit, clock)


def acts(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]


def test_writes_are_refused_until_a_person_ends_it(freezes: Freezes) -> None:
    freezes.refuse_if_frozen()
    freezes.freeze(by="anna", reason="moving the\nrack")
    with pytest.raises(FrozenError) as refused:
        freezes.refuse_if_frozen()
    assert refused.value.message == "All writes are frozen by anna, since 2027-01-15 08:00:00 UTC: moving the rack"
    assert "Nothing was sent. Reads go on." in refused.value.advice
    assert "proxmox-mcp unfreeze" in refused.value.advice
    ended = freezes.unfreeze(by="bert")
    assert ended
    assert ended.by == "anna"
    freezes.refuse_if_frozen()
    assert freezes.unfreeze(by="bert") is None


def test_it_ends_at_its_time(freezes: Freezes, clock: Clock) -> None:
    freezes.freeze(by="anna", seconds=3600)
    clock.now += 3599
    with pytest.raises(FrozenError, match="until 2027-01-15 09:00:00 UTC"):
        freezes.refuse_if_frozen()
    clock.now += 1
    freezes.refuse_if_frozen()
    assert freezes.current() is None
    assert freezes.unfreeze(by="anna") is None


def test_it_holds_for_every_process_of_the_store_and_through_restarts(
    freezes: Freezes, open_store: Callable[[], Store], audit: AuditLog, clock: Clock
) -> None:
    running = Freezes(open_store(), audit, clock)
    running.refuse_if_frozen()
    freezes.freeze(by="anna")
    restarted = Freezes(open_store(), audit, clock)
    for other in (running, restarted):
        with pytest.raises(FrozenError):
            other.refuse_if_frozen()
    restarted.unfreeze(by="anna")
    running.refuse_if_frozen()


def test_a_new_freeze_takes_the_place_of_the_one_before(freezes: Freezes, clock: Clock) -> None:
    freezes.freeze(by="anna", reason="first")
    freezes.freeze(by="bert", reason="second", seconds=60)
    current = freezes.current()
    assert current
    assert (current.by, current.reason) == ("bert", "second")
    clock.now += 61
    assert freezes.current() is None


def test_where_it_can_not_be_read_nothing_is_sent(tmp_path: Path, audit: AuditLog) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"not a database, but long enough to be read as the header of one" * 20)
    freezes = Freezes(Store.in_directory(tmp_path), audit)
    with pytest.raises(FrozenError, match="can't be read whether writes are frozen") as refused:
        freezes.refuse_if_frozen()
    assert "Nothing was sent" in refused.value.advice
    with pytest.raises(StoreError):
        freezes.freeze(by="anna")


def test_who_froze_and_unfroze_is_on_record(freezes: Freezes, tmp_path: Path) -> None:
    freezes.freeze(by="anna", reason="moving", seconds=60)
    freezes.unfreeze(by="bert")
    froze, unfroze = acts(tmp_path)
    assert (froze["event"], froze["by"], froze["reason"]) == ("freeze", "anna", "moving")
    assert froze["until"] == "2027-01-15 08:01:00 UTC"
    assert (unfroze["event"], unfroze["by"]) == ("unfreeze", "bert")
    assert "anna" in unfroze["frozen"]


def test_what_can_not_be_recorded_is_frozen_all_the_same_and_stays_so(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    freezes = Freezes(store, AuditLog(tmp_path / "missing" / "audit.jsonl", Redactor()))
    freezes.freeze(by="anna")
    assert "was not recorded" in caplog.text
    with pytest.raises(AuditError):
        freezes.unfreeze(by="anna")
    with pytest.raises(FrozenError):
        freezes.refuse_if_frozen()
