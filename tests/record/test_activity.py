"""The activity: a bounded copy of the audit log's lines in the store, written behind the calls."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from patience import PATIENCE, Watch, until
from proxmox_mcp.errors import StoreError
from proxmox_mcp.record import activity
from proxmox_mcp.record.activity import RUNNING, ActivityFilter, ActivityLog
from proxmox_mcp.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def line(event: str = "outcome", **fields: Any) -> dict[str, Any]:
    """A line of the audit log."""
    given = {
        "time": "2026-11-22T05:06:07.123Z",
        "event": event,
        "id": "r1",
        "caller": "ops",
        "client": "claude-code 2.1",
        "cluster": "lab",
        "tool": "proxmox_api_call",
        "method": "GET",
        "template": "/nodes/{node}/qemu/{vmid}/config",
        "path": "/nodes/pve1/qemu/102/config",
        "effects": ["read"],
    }
    outcome = {"result": "ok", "seconds": 0.12} if event == "outcome" else {}
    return {**given, **outcome, **fields}


@pytest.fixture
def log(store: Store) -> Iterator[ActivityLog]:
    made = ActivityLog(store)
    yield made
    made.close()


def written(log: ActivityLog, *lines: dict[str, Any]) -> None:
    for each in lines:
        log.note(each)
    log.flush()


def shown(log: ActivityLog, **wanted: Any) -> list[str]:
    return [each.path for each in log.page(ActivityFilter(**wanted), 100)]


def test_a_line_is_there_soon_without_anybody_waiting(log: ActivityLog) -> None:
    log.note(line(data={"name": "web"}))
    until(lambda: log.page(ActivityFilter(), 10))
    (found,) = log.page(ActivityFilter(), 10)
    assert (found.caller, found.guest, found.effects, found.data) == ("ops", "102", ("read",), {"name": "web"})
    assert found.time == pytest.approx(1795323967.123)
    assert found.seconds == 0.12


def test_a_write_is_one_row_that_runs_until_its_outcome(log: ActivityLog) -> None:
    intent = line("intent", method="DELETE", path="/nodes/pve1/qemu/102", effects=["destroy"])
    written(log, intent)
    assert [each.result for each in log.page(ActivityFilter(), 10)] == [RUNNING]
    outcome = line(method="DELETE", path="/nodes/pve1/qemu/102", effects=["destroy"], result="task.failed", upid="A B")
    written(log, outcome)
    (found,) = log.page(ActivityFilter(), 10)
    assert (found.result, found.upids) == ("task.failed", ("A", "B"))


def test_the_outcome_of_another_call_of_the_same_request_ends_no_other(log: ActivityLog) -> None:
    written(log, line("intent", method="POST", path="/nodes/pve1/qemu/102/status/stop"))
    written(log, line(method="POST", path="/nodes/pve1/qemu/103/status/stop"))
    assert [each.result for each in log.page(ActivityFilter(), 10)] == ["ok", RUNNING]


def test_an_outcome_takes_the_place_of_its_intent_also_where_both_are_written_together(log: ActivityLog) -> None:
    stop = {"method": "POST", "path": "/nodes/pve1/qemu/102/status/stop"}
    written(log, line("intent", **stop), line(), line(**stop), line("intent", **stop))
    assert [each.result for each in log.page(ActivityFilter(), 10)] == [RUNNING, "ok", "ok"]
    written(log, line(**stop, result="pve.failed"))
    assert [each.result for each in log.page(ActivityFilter(), 10)] == ["pve.failed", "ok", "ok"]


def test_a_call_that_runs_names_its_tasks(log: ActivityLog) -> None:
    clone = {"method": "POST", "path": "/nodes/pve1/qemu/102/clone"}
    tasks = line("tasks", **clone, upid="A B")
    written(log, line("intent", **clone), tasks)
    written(log, line("intent", **clone, id="r2"))
    written(log, line("tasks", **clone, id="r2", upid="C"))
    assert [(each.result, each.upids) for each in log.page(ActivityFilter(), 10)] == [
        (RUNNING, ("C",)),
        (RUNNING, ("A", "B")),
    ]
    written(log, tasks, line(**clone, upid="A B"))
    assert [(each.result, each.upids) for each in log.page(ActivityFilter(), 10)] == [
        ("ok", ("A", "B")),
        (RUNNING, ("C",)),
    ]


def test_an_outcome_finds_its_intent_by_an_index(tmp_path: Path) -> None:
    """Else each line would read all rows: 3 ms of processor time with 20,000 of them."""
    with closing(ActivityLog(Store.in_directory(tmp_path))) as log:
        written(log, line())
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as db:
        query = "EXPLAIN QUERY PLAN DELETE FROM activity WHERE call_id = ? AND method = ? AND path = ? AND result = ?"
        assert "activity_by_call" in str(db.execute(query, ("", "", "", "")).fetchall())


def test_what_a_person_did_is_shown_too(log: ActivityLog) -> None:
    written(log, {"time": "2026-11-22T05:06:07.123Z", "event": "freeze", "by": "lena", "reason": "move"})
    (found,) = log.page(ActivityFilter(), 10)
    assert (found.caller, found.path, found.result, found.data) == ("lena", "freeze", "ok", {"reason": "move"})


def test_rows_are_found_by_each_field(log: ActivityLog) -> None:
    written(
        log,
        line(path="/a"),
        line(path="/b", caller="dev"),
        line(path="/c", cluster="prod"),
        line(path="/nodes/pve2/lxc/200/config"),
        line(path="/nodes/pve2/lxc/2001/config"),
        line(path="/d", effects=["change", "expose"], method="PUT"),
        line(path="/e", result="guard.denied"),
        line(path="/f", result="unconfirmed"),
        line(path="/g", result="pve.failed"),
        line(path="/h", time="2026-11-23T05:06:07.123Z"),
    )
    everything = shown(log)
    assert len(everything) == 10
    assert everything[0] == "/h"
    assert shown(log, caller="dev") == ["/b"]
    assert shown(log, cluster="prod") == ["/c"]
    assert shown(log, guest="200") == ["/nodes/pve2/lxc/200/config"]
    assert shown(log, effect="expose") == ["/d"]
    assert shown(log, effect="chang") == []
    assert shown(log, effect="%") == []
    assert shown(log, outcome="refused") == ["/f", "/e"]
    assert shown(log, outcome="failed") == ["/g"]
    assert shown(log, outcome="guard.denied") == ["/e"]
    assert shown(log, since=1795400000.0) == ["/h"]
    assert shown(log, writes=True) == ["/d"]


def test_pages_follow_each_other_without_gap(log: ActivityLog) -> None:
    written(log, *(line(path=f"/{number}", id=f"r{number}") for number in range(25)))
    seen: list[str] = []
    before = None
    while page := log.page(ActivityFilter(before=before), 10):
        seen += [each.path for each in page]
        before = page[-1].number
    assert seen == [f"/{number}" for number in reversed(range(25))]


def test_the_table_has_a_bound(log: ActivityLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "KEPT", 100)
    for start in range(0, 1500, 250):
        written(log, *(line(path=f"/{number}", id=f"r{number}") for number in range(start, start + 250)))
    kept = log.page(ActivityFilter(), 5000)
    assert kept[0].path == "/1499"
    assert len(kept) <= 100 + 500


@pytest.fixture
def writes_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread leaves the lines to the test."""
    monkeypatch.setattr(activity, "PAUSE", PATIENCE)


def test_of_too_many_lines_that_wait_the_oldest_are_left_out(
    writes_late: None, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "MOST_WAITING", 50)
    with closing(ActivityLog(store)) as log:
        written(log, *(line(path=f"/{number}", id=f"r{number}") for number in range(70)))
        assert shown(log) == [f"/{number}" for number in reversed(range(20, 70))]


def test_lines_wait_while_the_store_is_away(
    writes_late: None, log: ActivityLog, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise StoreError("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(store, "transaction", away)
        for number in range(3):
            log.note(line(path=f"/{number}", id=f"r{number}"))
        assert not log.flush()
    assert log.flush()
    assert shown(log) == ["/2", "/1", "/0"]


def writers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "activity"]


def test_closing_ends_the_thread_after_what_waits_and_the_next_line_begins_another(log: ActivityLog) -> None:
    before = writers()
    for number in range(1, 4):
        log.note(line("intent", id=f"r{number}", path=f"/{number}", method="PUT"))
        assert len(writers()) == len(before) + 1
        log.close()
        assert writers() == before
        assert len(shown(log)) == number
    log.close()


def test_closing_ends_the_thread_that_is_about_to_write(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class Arrived(threading.Event):
        """Is cleared only once ``close`` has set it too."""

        clearing, closing = threading.Event(), threading.Event()

        def set(self) -> None:
            super().set()
            if self.clearing.is_set():
                self.closing.set()

        def clear(self) -> None:
            self.clearing.set()
            assert self.closing.wait(PATIENCE)
            super().clear()

    monkeypatch.setattr(activity, "PAUSE", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(threading, "Event", Arrived)
        log = ActivityLog(store)
    before = writers()
    log.note(line())
    assert Arrived.clearing.wait(PATIENCE)
    log.close()
    assert writers() == before


def test_closing_does_not_wait_for_a_store_that_is_away(
    log: ActivityLog, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()

    def away() -> None:
        tried.set()
        raise StoreError("the store is away")

    monkeypatch.setattr(store, "transaction", away)
    monkeypatch.setattr(activity, "RETRY", PATIENCE)
    before = writers()
    log.note(line("intent", path="/1", method="PUT"))
    assert tried.wait(PATIENCE)
    watch = Watch()
    log.close()
    assert watch.soon
    assert writers() == before


def test_where_lines_were_only_read_closing_does_not_open_the_store(log: ActivityLog, store: Store) -> None:
    with store.transaction():  # Others wait for it.
        log.note(line())
        log.close()
    assert not shown(log)


def test_long_parameters_are_left_to_the_audit_log(log: ActivityLog) -> None:
    written(log, line(data={"input-data": "x" * 10_000}))
    assert log.page(ActivityFilter(), 1)[0].data == {"…": "10,018 characters, in the audit log"}


def test_who_called_lately_is_listed_with_the_number_of_calls(log: ActivityLog) -> None:
    written(log, line(), line(), line(caller="dev", time="2026-11-23T05:06:07.123Z"))
    assert [(row["caller"], row["calls"]) for row in log.callers(0.0)] == [("dev", 1), ("ops", 2)]
    assert [row["caller"] for row in log.callers(1795400000.0)] == ["dev"]
    assert log.names() == ["dev", "ops"]
