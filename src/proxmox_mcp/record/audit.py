"""The audit: one JSON line before a write is sent, on the disk by then, and one line of outcome for each call.

    {"time": "2026-11-22T05:06:07.123Z", "event": "intent" | "outcome", "id": ..., "caller": ..., ...}
    {"time": ..., "event": "freeze" | "unfreeze" | ..., "by": ..., ...}

``intent`` and ``outcome`` of one call share ``id``; other events are what people did outside of any call. The file may
be moved away at any time (logrotate): the next line opens a new one.
"""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import asynccontextmanager
from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import anyio.to_thread
from msgspec import Struct, field

from proxmox_mcp.errors import AuditError, ConfirmationNeededError, ProxmoxMcpError
from proxmox_mcp.policy.effects import NOT_JUDGED
from proxmox_mcp.record.audit_file import AuditFile
from proxmox_mcp.record.chain import ChainKey
from proxmox_mcp.record.redaction import secrets_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.record.redaction import Redactor

LOGGER = "proxmox_mcp.audit"
_LOG = logging.getLogger(LOGGER)
_LONGEST_TEXT, _LONGEST_METHOD = 2000, 20
_encode = json.JSONEncoder(check_circular=False).encode
"""As ``json.dumps``, without a look for circles: what came as JSON has none."""


class Outcome(Struct, frozen=True, kw_only=True):
    """``result``: ``ok``, ``dry-run``, ``unconfirmed``, ``cancelled``, ``internal`` or an error's code.

    ``seconds``: all it took. ``details``: what else the line holds, such as a command's exit code.
    """

    result: str
    seconds: float
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


class Copies(Protocol):
    """Takes lines of the log elsewhere. Neither method waits for the other end, or fails."""

    def send(self, line: bytes) -> None: ...

    def close(self) -> None: ...


class AuditLog:
    """Writes to a file, or without one to the log. Safe for threads; several processes may append."""

    def __init__(
        self,
        path: Path | None,
        redactor: Redactor,
        *,
        head: Path | None = None,
        key: bytes = b"",
        also: Callable[[Mapping[str, Any]], None] | None = None,
        copies: Copies | None = None,
    ) -> None:
        """``head``: the file that keeps the end of the chain, by default beside ``path``. ``key`` seals the chain.

        ``also`` is given each record that was written, ``copies`` each line as it was written, to send it elsewhere.
        ``also`` must not raise, and must not take long.
        """
        self._redactor, self._also, self._copies = redactor, also, copies
        self._file = AuditFile(path, head or path.with_name(f"{path.name}.head"), ChainKey(key)) if path else None

    @property
    def path(self) -> Path | None:
        """The file; None where lines go to the log."""
        return self._file.path if self._file else None

    def intent(self, call: Call) -> None:
        """Put a write on record before it is sent: on the disk when this returns.

        Raises ``AuditError`` where that fails: then the write must not be sent.
        """
        self._write(self._record("intent", call), sync=True)

    def outcome(self, call: Call, outcome: Outcome) -> None:
        """Put on record how a call ended. Raises ``AuditError`` where the line could not be written."""
        record = self._record("outcome", call)
        record |= {"result": outcome.result, "seconds": round(outcome.seconds, 3), "upid": " ".join(call.upids)}
        if outcome.details:
            record |= outcome.details
        if outcome.message:
            record["message"] = self._redactor.text(_short(outcome.message), secrets_in(call.data, call.template))
        self._write(record, sync=False)

    def started(self, call: Call) -> None:
        """Tell those who look now which tasks a write has started. The file gets them with the outcome."""
        if self._also is not None:
            self._also(self._record("tasks", call) | {"upid": " ".join(call.upids)})

    def act(self, event: str, by: str, details: Mapping[str, Any]) -> None:
        """Put on record what a person did outside of any call, such as a freeze: on the disk when this returns.

        Raises ``AuditError`` where that fails.
        """
        shown = {name: _short(value) if isinstance(value, str) else value for name, value in details.items()}
        record = {"time": _now(), "event": event, "by": _short(by), **shown}
        self._write(record, sync=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._copies is not None:
            self._copies.close()

    def _record(self, event: str, call: Call) -> dict[str, Any]:
        decision = call.decision
        return {
            "time": _now(),
            "event": event,
            "id": call.id,
            "caller": call.caller.name,
            "client": _short(call.client),
            "cluster": call.cluster,
            "tool": call.tool,
            "method": call.method[:_LONGEST_METHOD],
            "template": call.template,
            "path": self._redactor.text(_short(call.path.text)),
            "data": _short_values(self._redactor.data(call.data, call.template)) if call.data else None,
            "effects": None if call.judgement is NOT_JUDGED else call.judgement.names,
            "decision": str(decision.verdict) if decision else "",
            "rule": (decision.rule.where if decision.rule else decision.reason) if decision else "",
            "confirmation": call.confirmation,
        }

    def _write(self, record: Mapping[str, Any], *, sync: bool) -> None:
        kept = {key: value for key, value in record.items() if value not in ("", None)}
        content = _encode(kept)
        try:
            line = self._file.append(content, sync=sync) if self._file else content.encode()
        except OSError as error:
            name = self._file.path.name if self._file else ""
            raise AuditError(
                f"no audit line could be written to {name}: {error.strerror or error}",
                "The operator must see to MCP_AUDIT_FILE and MCP_STATE_DIR: their directories, room and rights.",
            ) from error
        if self._file is None:
            _LOG.info("%s", content)
        if self._copies is not None:
            self._copies.send(line)
        if self._also is not None:
            self._also(kept)


class AuditRecord:
    """The record of one call, which it holds as far as the call got: a write before it is sent, an outcome in any case.

    Parameters are recorded once the endpoint is known, which tells the secrets among them.
    """

    def __init__(self, log: AuditLog, call: Call) -> None:
        self._log, self._started = log, time.monotonic()
        self.call = call
        self.success = "ok"
        self.details: Mapping[str, Any] = {}
        """What an outcome holds beside its result, such as a command's exit code."""

    def keep(self, call: Call) -> Call:
        """The call as it is now: what the record will say."""
        self.call = call
        return call

    async def intent(self) -> None:
        """Put a write on record before it is sent. Raises AuditError: then it must not be sent."""
        if not self.call.writes:
            return
        try:
            await anyio.to_thread.run_sync(self._log.intent, self.call)
        except AuditError as error:
            raise AuditError(error.message, f"Nothing was sent. {error.advice}") from error

    def started(self, call: Call) -> Call:
        """The call as it is now: it has started its tasks, which run on."""
        self._log.started(call)
        return self.keep(call)

    @asynccontextmanager
    async def closed(self, *, only_failures: bool = False) -> AsyncIterator[AuditRecord]:
        """Around the call: however it ends, a line of outcome is written.

        ``only_failures``: not where the block succeeds, since what it made is on record itself.
        """
        result, message = "cancelled", ""
        try:
            yield self
        except ConfirmationNeededError:
            result = "unconfirmed"
            raise
        except ProxmoxMcpError as error:
            result, message = error.code, error.message
            raise
        except Exception as error:
            result, message = "internal", type(error).__name__
            raise
        else:
            result = "" if only_failures else self.success
        finally:
            if result:
                self._close(
                    Outcome(
                        result=result, seconds=time.monotonic() - self._started, message=message, details=self.details
                    )
                )

    def _close(self, outcome: Outcome) -> None:
        try:
            self._log.outcome(self.call, outcome)
        except AuditError as error:
            # The intent of a write is on record; what has happened can't be called back for want of a line.
            _LOG.error("the outcome of %s was not recorded: %s", self.call.name, error)


def why_unwritable(path: Path) -> str:
    """Why no line can be written to a file, as far as can be seen without making it; empty where nothing is seen."""
    if path.is_dir():
        return "it is a directory"
    if path.exists():
        return "" if os.access(path, os.W_OK) else "this user may not write it"
    if not path.parent.is_dir():
        return f"there is no directory {path.parent}"
    return "" if os.access(path.parent, os.W_OK | os.X_OK) else f"this user may not make files in {path.parent}"


def written(moment: datetime) -> str:
    """A time as the lines have it: UTC, of one length, so that lines sort and compare as text."""
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:-6]}Z"


def _now() -> str:
    """The present, as ``written``: made of two numbers, which takes a fifth of the time."""
    seconds, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_written_second(seconds)}.{milliseconds:03d}Z"


@lru_cache(maxsize=1)
def _written_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def read(path: Path, **wanted: str) -> Iterator[dict[str, Any]]:
    """The lines of an audit file whose fields are as ``wanted``, oldest first. Lines cut by a full disk are left out.

    ``since`` and ``until`` (as ``written``) compare ``time``; ``guest`` looks for the guest's number in the path; any
    other name compares the field of that name. Raises ``AuditError`` where the file can't be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict) and _fits(record, wanted):
                    yield record
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror or error}", "Name the file of MCP_AUDIT_FILE.") from error


def _fits(record: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    for name, value in wanted.items():
        if name == "since":
            fits = str(record.get("time", "")) >= value
        elif name == "until":
            fits = str(record.get("time", "")) <= value
        elif name == "guest":
            fits = value in str(record.get("path", "")).split("/")
        else:
            fits = str(record.get(name, "")) == value
        if not fits:
            return False
    return True


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… ({len(text)} characters)"


def _short_values(value: Any) -> Any:
    if isinstance(value, str):
        return _short(value)
    if isinstance(value, dict):
        return {name: _short_values(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_short_values(member) for member in value]
    return value
