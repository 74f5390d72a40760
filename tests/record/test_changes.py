"""The record of changes in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from proxmox_mcp.errors import CallError, StoreError
from proxmox_mcp.policy.caller import Caller, Mode
from proxmox_mcp.record.changes import Changes, WriteOutcome
from proxmox_mcp.record.redaction import Redactor
from proxmox_mcp.record.secret_patterns import HIDDEN
from proxmox_mcp.record.undo import Get, Inverse, InverseCall
from proxmox_mcp.store import Store
from undone_roundtrips import call_of

if TYPE_CHECKING:
    from pathlib import Path

    from clock import Clock
    from proxmox_mcp.policy.call import Call

CONFIG = Get("/nodes/pve1/qemu/100/config")
BACK = Inverse("restore", (InverseCall("PUT", CONFIG.path, {"cores": 2}, "restores cores"),), proven=True)
DAY = 86400.0


def write(caller: str = "ops", path: str = CONFIG.path, **data: Any) -> Call:
    call = call_of("PUT", path, data or {"cores": 4})
    return replace(call, caller=Caller(name=caller, mode=Mode.FULL), cluster="default", id="r1", confirmation="person")


def ended(**more: Any) -> WriteOutcome:
    return WriteOutcome(outcome="ok", after={CONFIG: {"cores": 4}}, inverse=BACK, **more)


def test_a_change_is_on_record_before_it_is_sent_and_has_no_outcome_yet(changes: Changes, tmp_path: Path) -> None:
    number = changes.begin(write(), {CONFIG: {"cores": 2}}, BACK)
    again = Changes(Store.in_directory(tmp_path), Redactor(), keep_days=90)
    found = again.get(number)
    assert (found.name, found.caller, found.confirmation) == (f"PUT {CONFIG.path}", "ops", "person")
    assert (found.before, found.after, found.outcome, found.finished) == ({CONFIG: {"cores": 2}}, {}, "", None)
    assert found.inverse == BACK


def test_its_end_is_added_with_the_state_after_it(changes: Changes) -> None:
    number = changes.begin(write(), {CONFIG: {"cores": 2}}, BACK)
    changes.finish(number, ended(upids=("UPID:x",), made=("/a",), deleted=("/b",)))
    found = changes.get(number)
    assert [each.text for each in found.differences] == ["cores: 2 → 4"]
    assert (found.outcome, found.upids, found.made, found.deleted) == ("ok", ("UPID:x",), ("/a",), ("/b",))
    assert found.says == f"Change {number}, can be undone."


def test_a_caller_has_its_own_changes_only(changes: Changes) -> None:
    mine, other = changes.begin(write("ops"), {}, BACK), changes.begin(write("dev"), {}, BACK)
    assert [each.number for each in changes.listed(caller="ops")] == [mine]
    assert [each.number for each in changes.listed()] == [other, mine]
    with pytest.raises(CallError, match=f"There is no change {other}"):
        changes.get(other, "ops")


def test_changes_are_found_by_guest_and_by_age(changes: Changes, clock: Clock) -> None:
    first = changes.begin(replace(write(), targets=_of_guest(100)), {}, BACK)
    clock.now += DAY
    second = changes.begin(replace(write(), targets=_of_guest(101)), {}, BACK)
    assert [each.number for each in changes.listed(guest=100)] == [first]
    assert [each.number for each in changes.listed(since=clock.now - 1)] == [second]


def test_changes_go_after_the_days_for_which_they_are_kept(changes: Changes, clock: Clock) -> None:
    old = changes.begin(write(), {}, BACK)
    clock.now += 91 * DAY
    new = changes.begin(write(), {}, BACK)
    assert [each.number for each in changes.listed()] == [new]
    assert new > old


def test_neither_secrets_nor_code_are_kept(changes: Changes) -> None:
    secret = changes.begin(write(cipassword="open-sesame"), {}, BACK)
    assert changes.get(secret).data == {"cipassword": HIDDEN}
    path = "/nodes/pve1/qemu/100/agent/exec"
    code = changes.begin(
        replace(write(), **_fields(call_of("POST", path, {"command": ["rm", "-rf", "/srv"]}))), {}, BACK
    )
    assert str(changes.get(code).data["command"]).startswith("sha256:")


def test_a_state_that_is_too_long_is_not_kept_and_the_way_back_is(changes: Changes) -> None:
    number = changes.begin(write(), {CONFIG: {"description": "x" * 1_100_000}}, BACK)
    assert changes.get(number).before == {}
    assert changes.get(number).inverse == BACK


def test_what_was_undone_says_by_what_until_that_is_undone(changes: Changes) -> None:
    number = changes.begin(write(), {}, BACK)
    undo = changes.begin(write(), {}, BACK, part={"undoes": number})
    changes.undone((number,), undo)
    assert changes.get(number).says == f"Change {number}, undone by change {undo}."
    redo = changes.begin(write(), {}, BACK, part={"undoes": undo})
    changes.undone((undo,), redo)
    assert changes.get(number).undone_by is None
    assert changes.get(undo).undone_by == redo


def test_a_store_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 30)
    changes = Changes(Store.in_directory(tmp_path), Redactor(), keep_days=90)
    with pytest.raises(StoreError):
        changes.begin(write(), {}, BACK)


def _of_guest(vmid: int) -> Any:
    return replace(write().targets, guests=frozenset({vmid}))


def _fields(call: Call) -> dict[str, Any]:
    return {name: getattr(call, name) for name in ("method", "path", "endpoint", "template", "path_params", "data")}
