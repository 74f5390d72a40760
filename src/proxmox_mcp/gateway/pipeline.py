"""The path of every call to a cluster, from top to bottom: there is no other.

check → judge → decide → confirm → record the intent → send → follow its tasks or read on → redact → record the outcome

Each step takes the call and gives it back with what it found out. A step that refuses raises one error of the tree in
``errors.py``, whose text is what the model reads.
"""

# Tested through tests/gateway/test_gateway.py, tests/guests/test_through_the_gateway.py and tests/e2e/test_tasks.py.

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace

from proxmox_mcp.errors import GuardError, NodeUnreachableError, ProxmoxError, ProxmoxMcpError, TaskFailedError
from proxmox_mcp.gateway.answers import off_the_loop
from proxmox_mcp.gateway.check import check, must_be_sendable
from proxmox_mcp.gateway.denials import missing_rights
from proxmox_mcp.gateway.dry_run import dry_run
from proxmox_mcp.gateway.guest_command import CARRIERS, carried, digests, result_of_process, told
from proxmox_mcp.gateway.ha_wait import follow_ha, request_of_call
from proxmox_mcp.gateway.live_state import LiveState
from proxmox_mcp.gateway.not_in_force import pending_changes
from proxmox_mcp.gateway.request import nothing_sent, patience
from proxmox_mcp.gateway.snapshot_first import snapshot_first
from proxmox_mcp.gateway.suggestions import what_there_is, why_empty
from proxmox_mcp.gateway.task_wait import follow, outcome_text
from proxmox_mcp.policy.call import Call, Received
from proxmox_mcp.proxmox.paged import read_rows
from proxmox_mcp.proxmox.upid import find_upids
from proxmox_mcp.record.audit import AuditRecord
from proxmox_mcp.record.redaction import secrets_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxmox_mcp.apidoc.validation.authority import ValidationMode
    from proxmox_mcp.gateway.changes import ChangeLog, Write
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.enforcement import Guard
    from proxmox_mcp.gateway.request import Client, Request
    from proxmox_mcp.guests import GuestCommands, GuestExec
    from proxmox_mcp.proxmox.access import Writer
    from proxmox_mcp.proxmox.answers import Answer
    from proxmox_mcp.proxmox.client import Exchange
    from proxmox_mcp.proxmox.tasks import TaskOutcome

_TASK_STATUS = "/nodes/{node}/tasks/{upid}/status"


class Pipeline:
    """Takes calls to the clusters, past the guard; the only holder of what can write to them."""

    def __init__(
        self,
        guard: Guard,
        writers: Mapping[str, Writer],
        guests: Mapping[str, GuestCommands] | None = None,
        *,
        validation: ValidationMode,
        task_wait: float,
        observer: Observer,
        changes: ChangeLog | None = None,
    ) -> None:
        """``changes``: where writes are put on record; None: nowhere (MCP_CHANGES=off)."""
        self.guard = guard
        self.changes = changes
        self._guests = guests or {}
        self._writers, self._observer = writers, observer
        self._validation: ValidationMode = validation
        self.task_wait = task_wait

    async def run(self, call: Call, request: Request, cluster: Cluster, client: Client) -> Call:
        """One call to one concrete path, as ``request`` asks for it; on record in any case."""
        guard = self.guard
        async with AuditRecord(guard.audit, call).closed() as record:
            call, live, write = await self._prepare(record.keep, call, request, cluster)
            self._observer.decided(call)
            if request.dry_run:
                record.success = "dry-run"
                return await dry_run(call, guard, live)
            guard.admit(call, request)
            with nothing_sent():
                call = record.keep(await guard.confirm(call, request, live, client))
            taken: tuple[str, ...] = ()
            if call.snapshot_asked:
                run = partial(self.run, cluster=cluster, client=client)
                call, taken = await snapshot_first(call, request, live, run)
                record.keep(call)
            await record.intent()
            if self.changes is None or write is None:
                return _noted(await self._answered(record, request, cluster, client), *taken, call.caution)
            await self.changes.begin(write, call, _part(request))
            try:
                call = await self._answered(record, request, cluster, client)
            except ProxmoxMcpError as error:
                failure = error
            else:
                return _noted(await self.changes.done(write, call), *taken, call.caution)
            # Raised outside of except, as in _send: its context would repeat what was taken out of it.
            raise await self.changes.failed(write, record.call, failure)

    async def rehearse(self, call: Call, request: Request, cluster: Cluster) -> tuple[Call, LiveState]:
        """A step of a plan as far as it can be taken without sending it: checked, judged, decided and admitted.

        It is not recorded, but its plan is. Raises what ``run`` would raise up to there.
        """
        call, live, _ = await self._prepare(lambda kept: kept, call, request, cluster)
        self.guard.admit(call, request)
        return call, live

    async def _prepare(
        self, keep: Callable[[Call], Call], call: Call, request: Request, cluster: Cluster
    ) -> tuple[Call, LiveState, Write | None]:
        """The call checked, judged and decided, the live state that was read for it, and what a write is to change."""
        if request.work is not None:
            index = (await cluster.schema.current()).index
            call = keep(carried(call, request.work, index.resolve(call.method, call.path)))
        else:
            call = keep(await check(call, request.data, self._validation, cluster))
        must_be_sendable(call)
        live = LiveState(call, cluster)
        call = keep(await self.guard.judge(call, live))
        write: Write | None = None
        if self.changes is not None and call.writes and call.endpoint is not None:
            write = await self.changes.look(call, live)
            call = keep(write.judged(call))
        live.call = call
        return keep(await self.guard.decide(call, live)), live, write

    async def _answered(self, record: AuditRecord, request: Request, cluster: Cluster, client: Client) -> Call:
        """Send the call, and make of the answer what its caller is told."""
        call, started = record.call, time.monotonic()
        if request.work is not None:
            return await self._run_in_guest(record, request.work, cluster, client)
        seconds = patience(request, self.task_wait, client)
        if call.template == _TASK_STATUS and not call.writes and request.wait:
            return await self._asked_about_task(call, request, seconds, cluster, client)
        answer = await self._send(call, cluster)
        if not call.writes:
            return await self._read(call, answer, request, cluster)
        cluster.inventory.forget()
        upids = find_upids(answer.data)
        if not upids:
            return await self._done(record, answer.data, seconds, cluster, client)
        call = record.started(replace(call, upids=upids))
        outcomes = await follow(call.upids, seconds, cluster, client, self._words(call), started=started)
        for outcome in outcomes:
            self._observer.followed(cluster.name, outcome)
        cluster.inventory.forget()
        until = started + seconds
        told = await outcome_text(outcomes, call, until, cluster, client, self._words(call), request.wording)
        running = any(outcome.state == "running" for outcome in outcomes)
        return call.answered(Received(data=self._redacted(answer.data, call), told=told, running=running))

    async def _send(self, call: Call, cluster: Cluster) -> Answer:
        """The answer of Proxmox, or its refusal with what to do next and without the secrets that it repeats."""
        refusal: ProxmoxError
        try:
            return await self._writers[cluster.name].send(call.method, call.path.encoded, dict(call.data))
        except ProxmoxError as error:
            refusal = error
        # Raised outside of except: its context would be the refusal as it came, secrets and all.
        raise await self._explained(refusal, call, cluster)

    async def _run_in_guest(self, record: AuditRecord, work: GuestExec, cluster: Cluster, client: Client) -> Call:
        """The result of a command in a guest; its exit code and the digests of its output are recorded."""
        call = record.call
        refusal: ProxmoxError
        try:
            result = await self._guests[cluster.name].run(work, partial(client.progress, None))
        except ProxmoxError as error:
            refusal = error
        else:
            record.details = digests(result)
            words = self._words(call)
            text = words(told(result, work.guest))
            return call.answered(Received(data=result, told=text))
        raise await self._explained(refusal, call, cluster)

    async def _explained(self, refusal: ProxmoxError, call: Call, cluster: Cluster) -> ProxmoxError:
        """The refusal with what there is instead, what right is missing and what the schema doubts."""
        advice = refusal.advice
        if there_is := await what_there_is(refusal, call, cluster):
            advice = f"{there_is} {advice}" if isinstance(refusal, NodeUnreachableError) else there_is
        elif missing := await missing_rights(refusal, call, cluster):
            advice = missing
        return refusal.with_advice(f"{advice}\n{call.caution}".strip()).reworded(self._words(call))

    async def _asked_about_task(
        self, call: Call, request: Request, seconds: float, cluster: Cluster, client: Client
    ) -> Call:
        """A task that is waited for by its status, instead of one look at it."""
        until = time.monotonic() + seconds
        outcomes = await follow([call.path_params["upid"]], seconds, cluster, client, self._words(call))
        told = await outcome_text(outcomes, None, until, cluster, client, self._words(call), request.wording)
        return call.answered(Received(told=told))

    async def _read(self, call: Call, answer: Answer, request: Request, cluster: Cluster) -> Call:
        """What a GET gave, read on to its end where Proxmox gives it in pages."""
        data, unread = answer.data, ""
        parameters = call.endpoint.parameters if call.endpoint else {}
        rows = await read_rows(cluster.pve, call.path.encoded, dict(call.data), parameters, answer, request.most_rows)
        if rows is not None:
            data, unread = rows.data, rows.unread(filtered=bool(request.view.conditions))
        shown = await self._shown(data, request, call)
        notes = await why_empty(call, cluster) if data == [] else pending_changes(call, answer.pending)
        return call.answered(Received(data=shown, notes=notes, unread=unread))

    async def _done(self, record: AuditRecord, data: Any, seconds: float, cluster: Cluster, client: Client) -> Call:
        """A write that started no task: waited for where something else goes on, a process in a guest or a request
        to HA. A secret that it gave is kept aside, to be shown once."""
        call = record.call
        is_command = call.template == CARRIERS["qemu"]
        if is_command and (ran := await result_of_process(call, data, seconds, cluster, client)):
            record.details = ran.digests
            return call.answered(Received(data=data, told=self._words(call)(ran.text)))
        if "sid" in call.path_params and (asked := request_of_call(call)):
            after = await follow_ha(asked, time.monotonic() + seconds, cluster, client)
            if after.failed:
                raise TaskFailedError(f"{call.name} was done. {after.text}", after.advice)
            return call.answered(Received(data=data, told=f"Done: {call.name}\n{after.text}"))
        if data in (None, ""):
            return call.answered(Received(data=data, told=f"Done: {call.name}"))
        keep = self.guard.one_time_secrets.keeper(call.caller.name, call.name)
        try:
            data = await off_the_loop(data, self.guard.redactor.data, data, call.template, keep)
        except GuardError as error:
            said = f"{call.name} was done, but the secret that it gave could not be kept: {error.message}"
            raise GuardError(said, f"Revoke it, and make the call again. {error.advice}") from error
        return call.answered(Received(data=data))

    async def _shown(self, data: Any, request: Request, call: Call) -> Any:
        """What is told of an answer, without secrets: also where ``reduce`` has taken none out."""
        redact = partial(self._redacted, call=call)
        reduce = request.reduce
        if reduce is None:
            return await off_the_loop(data, redact, data)
        if isinstance(data, list) and len(data) <= request.reduced_at_once:
            told = reduce(data, redact)
            return await off_the_loop(told, redact, told)
        return await off_the_loop(data, lambda: redact(reduce(data, redact)))

    def _redacted(self, data: Any, call: Call) -> Any:
        return self.guard.redactor.data(data, call.template)

    def _words(self, call: Call) -> Callable[[str], str]:
        """What takes secrets out of a text: those that are known everywhere, and those of this call."""
        also = secrets_in(call.data, call.template)
        return lambda text: self.guard.redactor.text(text, also)


def _part(request: Request) -> Mapping[str, int]:
    """What a write is a part of, for its record."""
    part = {} if request.undoes is None else {"undoes": request.undoes}
    agreed = request.agreed
    return part | ({"plan": agreed.plan, "step": agreed.step} if agreed is not None and agreed.plan else {})


def _noted(call: Call, *notes: str) -> Call:
    """The call whose answer also tells what was done before it, and what the schema doubts about it."""
    received, more = call.received, tuple(filter(None, notes))
    return call.answered(replace(received, notes=(*received.notes, *more))) if more else call


class Observer(Protocol):
    """Who counts what the gateway does: told as it happens. Must not raise, and must not take long."""

    def exchanges(self, cluster: str) -> Callable[[Exchange], None] | None:
        """Who is told of each exchange with a cluster."""
        ...

    def decided(self, call: Call) -> None:
        """The policy decided on a call."""
        ...

    def followed(self, cluster: str, outcome: TaskOutcome) -> None:
        """A task that a call started has ended, or was let run on."""
        ...


class Nobody:
    """Counts nothing."""

    def exchanges(self, cluster: str) -> None:  # noqa: ARG002
        return None

    def decided(self, call: Call) -> None:
        """Nobody counts."""

    def followed(self, cluster: str, outcome: TaskOutcome) -> None:
        """Nobody counts."""


NOBODY = Nobody()
