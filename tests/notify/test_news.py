"""What people are told of: every event once, by whichever process of a store looks first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.confirm.approvals import PENDING_SECONDS, Approvals
from proxmox_mcp.confirm.freezes import Freezes
from proxmox_mcp.confirm.statement import Statement
from proxmox_mcp.notify.news import News, NewsOfStore
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Caller
from proxmox_mcp.policy.effects import Cause, Judgement
from proxmox_mcp.record.audit import AuditLog
from proxmox_mcp.record.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clock import Clock
    from proxmox_mcp.store import Store


@pytest.fixture
def news(store: Store, clock: Clock) -> NewsOfStore:
    looked = NewsOfStore(store, clock)
    assert looked.take() == [], "the first look only begins"
    return looked


def call_of(vmid: int) -> Call:
    path = ApiPath.parse(f"/nodes/pve1/qemu/{vmid}")
    judged = Judgement(causes=(Cause(Effect.DESTROY, "gone"), Cause(Effect.DISRUPT, "stops")))
    call = Call(caller=Caller(name="ops"), cluster="", method="DELETE", path=path, data={})
    return replace(call, judgement=judged)


def said(news: list[News]) -> list[str]:
    return [each.said for each in news]


def test_what_waits_what_was_decided_and_what_ran_out_is_told_once(
    store: Store, news: NewsOfStore, clock: Clock, open_store: Callable[[], Store]
) -> None:
    approvals = Approvals(store, clock)
    statement = Statement("deletes VM 101 `web`, password hunter2", "web", "deletes VM 101 `web`, password (hidden)")
    number = approvals.request(call_of(101), statement)
    later = approvals.request(call_of(102), statement)
    (asked, _) = news.take()
    assert asked.said == f"Request {number} waits for an approval: disrupt, destroy."
    assert asked.page == f"approvals/{number}"
    assert asked.detail == "for ops:\ndeletes VM 101 `web`, password (hidden)"
    assert news.take() == []
    clock.now += 10
    approvals.decide(number, approve=True, by="anna")
    clock.now += 10
    other = NewsOfStore(open_store(), clock)
    assert said(other.take()) == [f"Request {number} was approved."]
    assert news.take() == [], "another process has told it"
    clock.now += PENDING_SECONDS
    assert said(news.take()) == [f"Request {later} ran out: nobody decided within an hour."]
    clock.now += 100
    assert news.take() == []


def test_what_was_decided_before_anybody_looked_is_not_said_to_wait(
    store: Store, news: NewsOfStore, clock: Clock
) -> None:
    approvals = Approvals(store, clock)
    number = approvals.request(call_of(101), Statement("deletes", "a"))
    approvals.decide(number, approve=False, by="anna")
    clock.now += 10
    assert said(news.take()) == [f"Request {number} was denied."]


def test_a_freeze_and_its_end_are_told_however_it_ends(
    store: Store, news: NewsOfStore, clock: Clock, tmp_path: Path
) -> None:
    freezes = Freezes(store, AuditLog(tmp_path / "audit.jsonl", Redactor()), clock)
    freezes.freeze(by="anna", reason="moving the rack")
    (frozen,) = news.take()
    assert (frozen.said, frozen.detail) == ("All writes are frozen.", "by anna: moving the rack")
    clock.now += 10
    freezes.freeze(by="anna", seconds=60)
    clock.now += 10
    assert said(news.take()) == ["All writes are frozen."]
    clock.now += 60
    assert said(news.take()) == ["Writes are allowed again."]
    freezes.freeze(by="anna")
    clock.now += 10
    freezes.unfreeze(by="ben")
    clock.now += 10
    assert [(each.said, each.detail) for each in news.take()] == [
        ("All writes are frozen.", "by anna"),
        ("Writes are allowed again.", "by ben"),
    ]


def outcome(store: Store, path: str, effects: list[str], **more: Any) -> None:
    given = {"event": "outcome", "method": "POST", "caller": "ops", "result": "ok", "time": 0.0, **more}
    with store.transaction() as db:
        db.insert(db.tables.activity, path=path, effects=effects, **given)


def test_many_calls_that_hurt_are_one_piece_of_news(store: Store, news: NewsOfStore) -> None:
    outcome(store, "/nodes/pve1/qemu/101/config", ["change"])
    assert news.take() == []
    outcome(store, "/nodes/pve1/qemu/102/status/reset", ["disrupt"], result="guard.denied")
    outcome(store, "/nodes/pve1/qemu/103/status/reset", ["disrupt"], event="intent")
    assert news.take() == []
    for vmid in range(104, 110):
        outcome(store, f"/nodes/pve1/qemu/{vmid}/status/reset", ["disrupt"])
    outcome(store, "/nodes/pve1/qemu/110", ["destroy", "disrupt"], method="DELETE")
    (hurt,) = news.take()
    assert hurt.said == "7 calls were made that may hurt: disrupt 7, destroy 1."
    assert hurt.page == "activity"
    assert hurt.detail.splitlines()[-1] == "DELETE /nodes/pve1/qemu/110 by ops"
    assert news.take() == []
