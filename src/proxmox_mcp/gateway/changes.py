"""The change record of each write: the state before it, read before it is judged; the state after it, read back.

A write that can't be put on record is not sent. What is read back is what the answer to the call does not say: one GET
at most, and the values in an answer are those that were read.
"""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct, field
from msgspec.structs import replace

from proxmox_mcp.apidoc.reviews import call_key
from proxmox_mcp.errors import (
    ConfirmationError,
    FailedError,
    ParametersError,
    ProxmoxError,
    ProxmoxMcpError,
    StoreError,
    TaskFailedError,
)
from proxmox_mcp.gateway.answers import off_the_loop
from proxmox_mcp.gateway.not_in_force import applied_by
from proxmox_mcp.record.changes import WriteOutcome
from proxmox_mcp.record.differences import differences, told
from proxmox_mcp.record.undo import (
    After,
    Case,
    Get,
    cascade,
    created,
    gone_with,
    guest_config,
    inverse,
    observed,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from proxmox_mcp.apidoc import EndpointIndex, Schema
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.policy.call import Call, Received
    from proxmox_mcp.record.changes import Changes
    from proxmox_mcp.record.differences import Difference
    from proxmox_mcp.record.redaction import Redactor
    from proxmox_mcp.record.undo import Inverse, Parameters

_ROUNDS = 3
"""Rounds of reading: what has to be read may depend on what was read."""
_READ_BACK_WITHIN = 5.0
STALE_AFTER = 3.0
"""Seconds after which the state before is read again: a person was asked, and others may have written."""
_NOTHING_SENT = "Nothing was sent."
_LOG = logging.getLogger("proxmox_mcp.changes")


@lru_cache(maxsize=8)
def parameters_of(index: EndpointIndex) -> Parameters:
    """The parameters of the endpoints of a schema, by method and template."""
    known = {call_key(each.method, each.path): each for each in index.endpoints}

    def parameters(method: str, template: str) -> Mapping[str, Schema]:
        endpoint = known.get(call_key(method, template))
        return endpoint.parameters if endpoint else {}

    return parameters


async def read_states(
    gets: Iterable[Get], ask: Callable[[Get], Awaitable[Any]], index: EndpointIndex, redactor: Redactor
) -> dict[Get, Any]:
    """What GETs answer, read at the same time, without secrets; None where there is no such thing. What can't be read
    is left out."""
    found: dict[Get, Any] = {}

    async def read(get: Get) -> None:
        try:
            answer = await ask(get)
        except (FailedError, ParametersError):
            found[get] = None
        except ProxmoxError:
            return
        else:
            endpoint = index.resolve("GET", get.path)
            found[get] = await off_the_loop(answer, redactor.data, answer, endpoint.path if endpoint else "")

    async with anyio.create_task_group() as group:
        for get in gets:
            group.start_soon(read, get)
    return found


def asking(cluster: Cluster, within: float) -> Callable[[Get], Awaitable[Any]]:
    """Asks the cluster as it is now; each GET has these many seconds."""
    return lambda get: cluster.pve.get(get.path, dict([*get.query]) or None, deadline=within)


class Write(Struct):
    """One write on its way: what was there before it, and its number once it is on record (0 before)."""

    live: LiveState
    before: dict[Get, Any]
    inverse: Inverse
    parameters: Parameters
    read_at: float
    number: int = 0
    undoes: int | None = None
    pending: frozenset[str] = field(default_factory=frozenset)

    def judged(self, call: Call) -> Call:
        """The call with whether it can be undone. What can be undone whole, and was shown to be, destroys nothing: the
        state before it is on disk when it is sent."""
        undoable = self.inverse.relieves
        judgement = call.judgement.relieved() if undoable else call.judgement
        return replace(call, judgement=judgement, undo=self.inverse.says, undoable=undoable)


class ChangeLog:
    """Puts writes on record, and reads them back."""

    def __init__(self, changes: Changes, redactor: Redactor) -> None:
        self.changes, self._redactor = changes, redactor

    async def look(self, call: Call, live: LiveState) -> Write:
        """Read what a write to an endpoint of the schema is about to change."""
        parameters = parameters_of((await live.cluster.schema.current()).index)
        before = await self._before(call, parameters, live)
        return Write(live, before, inverse(Case(call, before, parameters)), parameters, time.monotonic())

    async def _before(
        self, call: Call, parameters: Parameters, live: LiveState, *, again: bool = False
    ) -> dict[Get, Any]:
        before: dict[Get, Any] = {}
        for _ in range(_ROUNDS):
            new = [get for get in wanted(Case(call, before, parameters)) if get not in before]
            if not new:
                break
            before |= await self._read(new, live, again=again)
        if (config := guest_config(call)) is not None and config not in before:
            before |= await self._read([config], live, again=again)
        return before

    async def begin(self, write: Write, call: Call, part: Mapping[str, int]) -> None:
        """Put a write on record, on disk. Raises GuardError: then it must not be sent."""
        if time.monotonic() - write.read_at > STALE_AFTER:
            await self._read_again(write, call)
        write.undoes = part.get("undoes")
        write.before |= await self._read(cascade(call), write.live)
        try:
            write.number = await self.changes.store.in_thread(
                self.changes.begin, call, write.before, write.inverse, part=part
            )
        except StoreError as error:
            said = f"The change could not be recorded: {error.message}"
            raise StoreError(said, f"{_NOTHING_SENT} {error.advice}") from error

    async def _read_again(self, write: Write, call: Call) -> None:
        """The state before, after somebody was asked: others may have written meanwhile."""
        write.before = await self._before(call, write.parameters, write.live, again=True)
        found = inverse(Case(call, write.before, write.parameters))
        if write.inverse.relieves and not found.relieves:
            said = "What this call changes has changed meanwhile, and it can't be undone whole any more"
            raise ConfirmationError(f"{said}: it {found.says}.", f"{_NOTHING_SENT} Make the call again.")
        write.inverse = found

    async def done(self, write: Write, call: Call) -> Call:
        """The call with what it changed, read back, and whether that can be undone; on record too."""
        received = call.received
        state: dict[Get, Any] = {}
        if not received.running:
            state = await self._read_back(write, call)
            if not state and (new := created(Case(call, write.before, write.parameters))):
                state = await self._read([new.get], write.live, again=True, within=_READ_BACK_WITHIN)
        found = inverse(Case(call, write.before, write.parameters, After(received.data, state)))
        changed = differences(write.before, state, write.pending)
        await self._finish(
            write,
            WriteOutcome(
                outcome="running" if received.running else "ok",
                upids=call.upids,
                after=state,
                inverse=found,
                made=tuple(each.path for each in found.calls[:1]) if found.kind == "delete-created" else (),
                deleted=_deleted(write, call) if not received.running else (),
            ),
        )
        if write.undoes is not None and not received.running:
            await self._mark_undone(write.undoes, write.number)
        received = _with_lines(received, _in_words(changed, applied_by(call)), f"Change {write.number}, {found.says}.")
        return replace(call, change=write.number, received=received)

    async def failed(self, write: Write, call: Call, error: ProxmoxMcpError) -> ProxmoxMcpError:
        """The error with what the call wrote all the same; on record too."""
        in_part = isinstance(error, FailedError | TaskFailedError) or (isinstance(error, ProxmoxError) and error.sent)
        state = await self._read_back(write, call) if in_part else {}
        changed = differences(write.before, state, write.pending)
        found = inverse(Case(call, write.before, write.parameters, After(None, state))) if changed else write.inverse
        await self._finish(
            write, WriteOutcome(outcome=error.code, message=error.message, upids=call.upids, after=state, inverse=found)
        )
        if not changed:
            return error
        said = f"It has written all the same: {told(changed)}. Change {write.number}, {found.says}."
        return error.with_advice(f"{said} {error.advice}".strip())

    async def _mark_undone(self, number: int, by: int) -> None:
        try:
            await self.changes.store.in_thread(self.changes.undone, (number,), by)
        except StoreError:
            _LOG.error("that change %s was undone by %s was not recorded", number, by)

    async def _finish(self, write: Write, ended: WriteOutcome) -> None:
        """What has happened can't be called back because a line can't be written: the change then has no outcome."""
        with anyio.CancelScope(shield=True):
            try:
                await self.changes.store.in_thread(self.changes.finish, write.number, ended)
            except StoreError:
                _LOG.error("the outcome of change %s was not recorded", write.number)

    async def _read_back(self, write: Write, call: Call) -> dict[Get, Any]:
        get = observed(call)
        if get is None or get not in write.before:
            return {}
        config = guest_config(call)
        shown = Get(f"{get.path.removesuffix('/config')}/pending") if get == config else get
        state = await self._read([shown], write.live, again=True, within=_READ_BACK_WITHIN)
        if shown == get:
            return state
        rows = [row for row in state.get(shown) or () if isinstance(row, dict) and "key" in row]
        if not rows:  # A guest has always one key at least, the digest.
            return {}
        write.pending = frozenset(
            str(row["key"]) for row in rows if row.get("pending") is not None or row.get("delete")
        )
        values = {str(row["key"]): row.get("pending", row.get("value")) for row in rows if not row.get("delete")}
        return {get: values}

    async def _read(
        self, gets: Iterable[Get], live: LiveState, *, again: bool = False, within: float = 10.0
    ) -> dict[Get, Any]:
        """What GETs give now; ``again``: also where they were read for the call before."""
        ask = asking(live.cluster, within) if again else lambda get: live.read(get.path, dict(get.query))
        return await read_states(gets, ask, (await live.cluster.schema.current()).index, self._redactor)


def _deleted(write: Write, call: Call) -> tuple[str, ...]:
    return (call.path.text, *gone_with(call, write.before)) if call.method == "DELETE" else ()


def _in_words(changed: Sequence[Difference], applied: str) -> str:
    """What has changed, and the call that puts it in force where that is not done."""
    waits = f"pending until {applied}" if applied else ""
    if not changed:
        return waits
    return f"{told(changed)} ({waits})" if waits else told(changed)


_UPID = "\nUPID: "


def _with_lines(received: Received, changed: str, line: str) -> Received:
    """What is told, with what changed and the line about undoing; the UPID of a task stays last."""
    if received.told.startswith("Done: ") and "\n" not in received.told:
        first = f"{received.told}. {changed}" if changed else received.told
        return replace(received, told=f"{first}\n{line}")
    lines = [f"Changed: {changed}", line] if changed else [line]
    head, upid, tail = received.told.rpartition(_UPID)
    if upid and "\n" not in tail:
        return replace(received, told="\n".join((head, *lines)) + upid + tail)
    return replace(received, notes=(*received.notes, *lines))
