"""The record of one call (``record.audit.AuditRecord``): its intent and its outcome."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import AuditError, ConfirmationNeededError, DeniedError
from proxmox_mcp.policy.call import Call
from proxmox_mcp.record.audit import AuditLog, AuditRecord
from proxmox_mcp.record.redaction import Redactor

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

CALL = Call(
    path=ApiPath.parse("/nodes/pve1/qemu/100/status/stop"),
    method="POST",
    cluster="lab",
    tool="proxmox_api_call",
    id="17",
    client="test 1",
)


def record_in(path: Path, method: str = "POST") -> AuditRecord:
    return AuditRecord(AuditLog(path, Redactor()), replace(CALL, method=method))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize(
    ("raised", "result", "message"),
    [
        (None, "ok", None),
        (DeniedError("Not allowed."), "guard.denied", "Not allowed."),
        (ConfirmationNeededError("Confirm this."), "unconfirmed", None),
        (ZeroDivisionError("of a secret"), "internal", "ZeroDivisionError"),
    ],
)
async def test_however_a_call_ends_there_is_a_line_of_it(
    raised: Exception | None, result: str, message: str | None, tmp_path: Path
) -> None:
    with pytest.raises(type(raised)) if raised else nullcontext():
        async with record_in(tmp_path / "audit").closed():
            if raised:
                raise raised
    (record,) = lines(tmp_path / "audit")
    assert (record["event"], record["result"], record.get("message")) == ("outcome", result, message)
    assert (record["id"], record["cluster"], record["client"]) == ("17", "lab", "test 1")
    assert record["seconds"] >= 0


async def test_a_call_that_is_called_off_is_on_record_as_such(tmp_path: Path) -> None:
    with anyio.move_on_after(0.01):
        async with record_in(tmp_path / "audit").closed() as kept:
            kept.keep(replace(CALL, upids=("UPID:pve1:1",)))
            await anyio.sleep(5)
    (record,) = lines(tmp_path / "audit")
    assert (record["result"], record["upid"]) == ("cancelled", "UPID:pve1:1")


async def test_a_rehearsal_is_on_record_as_one(tmp_path: Path) -> None:
    async with record_in(tmp_path / "audit").closed() as kept:
        kept.success = "dry-run"
    assert lines(tmp_path / "audit")[-1]["result"] == "dry-run"


async def test_a_write_is_on_record_before_it_is_sent_and_a_read_only_after(tmp_path: Path) -> None:
    await record_in(tmp_path / "writes").intent()
    await record_in(tmp_path / "reads", "GET").intent()
    assert [record["event"] for record in lines(tmp_path / "writes")] == ["intent"]
    assert lines(tmp_path / "reads") == []


async def test_where_no_line_can_be_written_nothing_is_to_be_sent(tmp_path: Path) -> None:
    unwritable = record_in(tmp_path / "no-such-directory" / "audit")
    with pytest.raises(AuditError) as caught:
        await unwritable.intent()
    assert caught.value.advice.startswith("Nothing was sent. ")


async def test_an_outcome_that_cannot_be_written_is_logged_and_does_not_undo_the_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with record_in(tmp_path / "no-such-directory" / "audit").closed():
        pass
    assert "the outcome of POST /nodes/pve1/qemu/100/status/stop was not recorded" in caplog.text


async def test_where_only_failures_count_a_success_leaves_no_line(tmp_path: Path) -> None:
    async with record_in(tmp_path / "audit").closed(only_failures=True):
        pass
    assert lines(tmp_path / "audit") == []
    with pytest.raises(DeniedError):
        async with record_in(tmp_path / "audit").closed(only_failures=True):
            raise DeniedError("Not allowed.")
    assert lines(tmp_path / "audit")[-1]["result"] == "guard.denied"
