from __future__ import annotations

import json
import logging
import os
import resource
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.errors import AuditError
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Caller
from proxmox_mcp.policy.effects import Cause, Judgement
from proxmox_mcp.policy.policy import Decision
from proxmox_mcp.policy.rules import Verdict
from proxmox_mcp.record.audit import AuditLog, Outcome, read, written
from proxmox_mcp.record.redaction import Redactor
from proxmox_mcp.record.secret_patterns import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

UPID = "UPID:pve1:1:2:3:qmdestroy:102:root@pam:"
DELETES = Judgement((Cause(Effect.DESTROY, "deletes"),))
CALL = Call(
    id="c1",
    caller=Caller(name="ops"),
    tool="proxmox_api_call",
    method="DELETE",
    template="/nodes/{node}/qemu/{vmid}",
    path=ApiPath.parse("/nodes/pve1/qemu/102"),
    data={"purge": "1", "password": "hunter2"},
    judgement=DELETES,
    decision=Decision(verdict=Verdict.CONFIRM, judgement=DELETES, reason="guarded mode"),
    confirmation="token",
    upids=(UPID,),
)
OK = Outcome(result="ok", seconds=1.23456)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def log(path: Path) -> Iterator[AuditLog]:
    log = AuditLog(path, Redactor())
    yield log
    log.close()


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_write_leaves_its_intent_and_its_outcome(log: AuditLog, path: Path) -> None:
    log.intent(CALL)
    log.outcome(CALL, OK)
    intent, outcome = records(path)
    assert (intent["event"], outcome["event"], intent["id"], outcome["id"]) == ("intent", "outcome", "c1", "c1")
    assert intent["data"] == {"purge": "1", "password": HIDDEN}
    assert (outcome["result"], outcome["seconds"], outcome["upid"]) == ("ok", 1.235, UPID)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_intent_is_on_the_disk_when_it_returns(log: AuditLog, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(file: int) -> None:
        synced.append(path.read_text())
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    log.intent(CALL)
    assert '"intent"' in synced[-1]
    before = len(synced)
    log.outcome(CALL, OK)
    assert len(synced) == before


def test_a_full_disk_is_an_error_and_the_next_line_starts_anew(log: AuditLog, path: Path) -> None:
    log.intent(CALL)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
    try:
        with pytest.raises(AuditError, match=r"no audit line could be written to audit\.jsonl"):
            log.intent(replace(CALL, id="c2"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.intent(replace(CALL, id="c3"))
    assert [record["id"] for record in read(path)] == ["c1", "c3"]


def test_a_device_without_room_is_an_error(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    log = AuditLog(full, Redactor())
    try:
        with pytest.raises(AuditError, match="No space left"):
            log.intent(CALL)
    finally:
        log.close()


def test_a_directory_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="No such file"):
        AuditLog(tmp_path / "none" / "audit.jsonl", Redactor()).intent(CALL)


def test_a_file_that_was_moved_away_is_opened_anew(log: AuditLog, path: Path) -> None:
    log.intent(CALL)
    path.rename(path.with_suffix(".1"))
    log.intent(replace(CALL, id="c2"))
    assert [record["id"] for record in read(path)] == ["c2"]
    path.unlink()
    path.touch()
    log.intent(replace(CALL, id="c3"))
    assert [record["id"] for record in read(path)] == ["c3"]


def test_a_line_is_one_line_whatever_the_call_holds(log: AuditLog, path: Path) -> None:
    log.intent(replace(CALL, client="a\nb\u2028", data={"description": "x\r\n" * 5000}))
    (record,) = records(path)
    assert record["client"] == "a\nb\u2028"
    assert len(record["data"]["description"]) < 2100


def test_a_path_that_was_not_resolved_yet_shows_no_secret(log: AuditLog, path: Path) -> None:
    log.outcome(replace(CALL, template="", path=ApiPath.of(["access", "ticket?username=a&password=hunter2"])), OK)
    assert records(path)[0]["path"] == f"/access/ticket?username=a&password={HIDDEN}"


def test_secrets_are_not_in_the_outcome_either(path: Path) -> None:
    log = AuditLog(path, Redactor(known=["0f1e2d3c-token"]))
    log.outcome(CALL, replace(OK, result="pve.failed", message="value 0f1e2d3c-token, password=abc"))
    log.close()
    assert records(path)[0]["message"] == f"value {HIDDEN}, password={HIDDEN}"


def test_without_a_file_lines_go_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "proxmox_mcp.audit"):
        AuditLog(None, Redactor()).intent(CALL)
    assert json.loads(caplog.messages[0])["caller"] == "ops"


@given(nanoseconds=st.integers(0, 4_102_444_800 * 10**9))
@example(nanoseconds=10**9 - 1)
def test_a_line_has_its_time_as_a_moment_is_written(nanoseconds: int) -> None:
    moment = datetime.fromtimestamp(nanoseconds // 10**9, UTC).replace(microsecond=nanoseconds % 10**9 // 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("proxmox_mcp.record.audit.time.time_ns", lambda: nanoseconds)
        taken: list[Mapping[str, Any]] = []
        AuditLog(None, Redactor(), also=taken.append).act("freeze", "ann", {})
    assert taken[0]["time"] == written(moment)


def test_lines_are_filtered_by_any_field(log: AuditLog, path: Path) -> None:
    for number, caller in enumerate(("ops", "watcher", "ops")):
        log.outcome(
            replace(
                CALL, id=str(number), caller=Caller(name=caller), path=ApiPath.parse(f"/nodes/pve1/qemu/10{number}")
            ),
            OK,
        )
    assert [record["id"] for record in read(path, caller="ops")] == ["0", "2"]
    assert [record["id"] for record in read(path, caller="ops", guest="102")] == ["2"]
    assert [record["id"] for record in read(path, guest="10")] == []
    assert list(read(path, until="2000")) == []
    assert len(list(read(path, since="2000"))) == 3


def test_a_missing_file_can_not_be_read(path: Path) -> None:
    with pytest.raises(AuditError, match="No such file"):
        list(read(path))
