"""Carries one plan out: in order, each step on the path of every call, its tasks awaited before the next."""

# Tested through tests/e2e/test_plans.py and tests/e2e/test_plans_on_two_servers.py.

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from msgspec.structs import replace

from proxmox_mcp.errors import CommandFailedError, GuardError, ProxmoxError, ProxmoxMcpError, RateLimitError
from proxmox_mcp.gateway.agreement import Agreed, fingerprint_of
from proxmox_mcp.gateway.guest_command import OF_ONE_COMMAND, guest_at, told
from proxmox_mcp.gateway.plans.digests import with_digest
from proxmox_mcp.gateway.plans.records import BEAT_SECONDS, PlanState, StepState
from proxmox_mcp.gateway.plans.rehearsal import rehearse_step, stated, with_made
from proxmox_mcp.gateway.request import NoClient, call_of
from proxmox_mcp.guests import ExecResult
from proxmox_mcp.record.redaction import secrets_in
from proxmox_mcp.untrusted import one_line

if TYPE_CHECKING:
    from proxmox_mcp.confirm.statement import Statement
    from proxmox_mcp.gateway.pipeline import Pipeline
    from proxmox_mcp.gateway.plans.proposal import PlannedStep, Proposal
    from proxmox_mcp.gateway.plans.records import PlanRecords
    from proxmox_mcp.policy.call import Call

LONGEST_TASK = 7 * 86_400.0
"""Seconds that a step's task may take: a plan waits for its end, a restore may take days."""
_LIMITED_SECONDS, _LIMITED_TRIES = 2.0, 60
"""A step that comes too soon for the caller's limits waits so long, so many times."""
_END_SECONDS, _END_PAUSE = 10.0, 1.0
_LONGEST_SAID, _LONGEST_ERROR = 300, 4_000
_LOG = logging.getLogger("proxmox_mcp.plans")


@dataclass
class PlanProgress:
    """How far a plan is: for those who wait for it."""

    done: int = 0
    fraction: float = 0.0
    text: str = ""
    news: int = 0
    _moved: anyio.Event = field(default_factory=anyio.Event)

    def tell(self, text: str, fraction: float | None = None, *, done: int | None = None) -> None:
        self.text, self.news = text, self.news + 1
        self.done = self.done if done is None else done
        self.fraction = fraction or 0.0
        moved, self._moved = self._moved, anyio.Event()
        moved.set()

    async def since(self, news: int) -> int:
        """Wait until there is more than these many news; gives how many there are."""
        while self.news == news:
            await self._moved.wait()
        return self.news


class _Listener(NoClient):
    """The client of a step's call: nobody to ask, and progress that goes to those who wait for the plan."""

    follows_progress = True

    def __init__(self, progress: PlanProgress) -> None:
        self._progress = progress

    async def progress(self, done: float | None, text: str) -> None:
        self._progress.tell(text, done)


class Run:
    """One plan while it is carried out. ``confirmation`` says who or what confirmed it, empty where nobody had to."""

    def __init__(
        self,
        number: int,
        proposal: Proposal,
        confirmation: str,
        *,
        pipeline: Pipeline,
        records: PlanRecords,
    ) -> None:
        self.number, self.proposal, self.confirmation = number, proposal, confirmation
        self.progress, self.ended = PlanProgress(), anyio.Event()
        self._pipeline, self._records = pipeline, records
        self._stopped_by = ""
        self._agreed: dict[int, Agreed] = {}
        self._made: dict[tuple[int, str], str] = {}
        self._excerpt = OF_ONE_COMMAND.shared_by(sum(1 for planned in proposal.steps if planned.step.work))

    def stop(self, by: str) -> None:
        """End the plan after the running step."""
        self._stopped_by = self._stopped_by or by

    async def carry_out(self) -> None:
        """All steps, to the end or the first failure. Raises nothing: what happened is on record."""
        state = PlanState.CUT_OFF
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._beat)
                state = await self._recorded_steps()
                group.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(_END_SECONDS, shield=True):
                await self._end(state)
            self.progress.tell("")
            self.ended.set()

    async def _recorded_steps(self) -> PlanState:
        """All steps. Where the store fails the plan ends: what can't be put on record is not sent."""
        try:
            return await self._all_steps()
        except GuardError as error:
            _LOG.error("plan %s ended: %s", self.number, error.message)
            return PlanState.CUT_OFF

    async def _all_steps(self) -> PlanState:
        steps = self.proposal.steps
        await self._agree_as_stated()
        failed = False
        for place, planned in enumerate(steps):
            if self._stopped_by:
                return PlanState.STOPPED
            self.progress.tell(planned.step.name, done=place)
            await self._record(planned, StepState.RUNNING)
            try:
                call = await self._admitted_step(planned)
            except ProxmoxMcpError as error:
                failed = True
                unknown = isinstance(error, ProxmoxError) and error.sent  # It may have taken effect.
                said = self._words(str(error))
                if not isinstance(error, CommandFailedError):  # It holds an excerpt, whose end is of most interest.
                    said = said[:_LONGEST_ERROR]
                await self._record(planned, StepState.UNKNOWN if unknown else StepState.FAILED, said)
                if self.proposal.on_error == "stop" or isinstance(error, GuardError):
                    return PlanState.FAILED
            else:
                state = StepState.UNKNOWN if call.received.running else StepState.DONE
                await self._record(planned, state, self._words(self._said(call)), call)
                self._keep_made(planned, call)
            if self.confirmation:
                await self._agree_again([later for later in steps[place + 1 :] if self._saw_last(later, planned)])
        self.progress.tell("", done=len(steps))
        return PlanState.FAILED if failed else PlanState.DONE

    async def _admitted_step(self, planned: PlannedStep) -> Call:
        """The step's call, once the caller's limits let it pass."""
        caller = self.proposal.request.caller
        for _ in range(_LIMITED_TRIES):
            try:
                async with self._pipeline.guard.admitted(caller):
                    return await self._send(planned)
            except RateLimitError:
                await anyio.sleep(_LIMITED_SECONDS)
        async with self._pipeline.guard.admitted(caller):
            return await self._send(planned)

    async def _send(self, planned: PlannedStep) -> Call:
        proposal, cluster = self.proposal, self.proposal.cluster
        step = with_made(planned.step, self._value)
        data = await with_digest(step, planned.call.endpoint, cluster)
        asked = proposal.request
        request = replace(
            asked,
            data=data,
            confirm="",
            dry_run=False,
            wait=LONGEST_TASK,
            agreed=self._agreed[step.number],
            id=f"{asked.id}.{step.number}" if asked.id else "",
            undoes=step.undoes,
            work=step.work,
        )
        call = call_of(request, step.method, step.path, cluster.name)
        call = await self._pipeline.run(call, request, cluster, _Listener(self.progress))
        result = call.received.data
        if isinstance(result, ExecResult) and not result.ok:
            raise CommandFailedError(self._output(result, call))
        return call

    # What was stated of a step, and what one's own steps change of it.

    async def _agree_as_stated(self) -> None:
        """Hold every step to what was stated of it. Nothing is read: the proposal keeps what it read."""
        statements: dict[int, Statement] = {}
        if self.confirmation:
            found = await stated(self.proposal.steps, self._pipeline.guard, backups=False)
            statements = {each.number: each.statement for each in found}
        for planned in self.proposal.steps:
            statement = statements.get(planned.step.number)
            self._agreed[planned.step.number] = self.proposal.agreed(self.number, planned, statement, self.confirmation)

    async def _agree_again(self, later: list[PlannedStep]) -> None:
        """Hold steps to the state as the step before has left it, which is not what they were stated on."""
        for planned in later:
            step = with_made(planned.step, self._value)
            try:
                found = await rehearse_step(step, self.proposal.request, self.proposal.cluster, self._pipeline)
            except ProxmoxMcpError:
                continue  # The step itself will say so.
            (now,) = await stated([found], self._pipeline.guard, backups=False)
            agreed = self._agreed[step.number]
            self._agreed[step.number] = replace(agreed, fingerprint=fingerprint_of(now.statement))

    def _saw_last(self, later: PlannedStep, done: PlannedStep) -> bool:
        """Whether a step is the last that changes what a later one hits: then that is read again."""
        between = [each for each in self.proposal.steps if done.step.number < each.step.number < later.step.number]
        return done.is_seen_by(later) and not any(each.is_seen_by(later) for each in between)

    def _value(self, step: int, name: str) -> str:
        return self._made.get((step, name), f"${{{step}.{name}}}")

    def _keep_made(self, planned: PlannedStep, call: Call) -> None:
        if isinstance(call.received.data, str):
            self._made[planned.step.number, "volid"] = call.received.data

    # Records.

    async def _record(self, planned: PlannedStep, state: StepState, said: str = "", call: Call | None = None) -> None:
        change, records = call.change if call is not None and call.change else None, self._records
        await records.store.in_thread(records.step, self.number, planned.step.number, state, said, change)

    def _said(self, call: Call) -> str:
        """The first line of what the call answered, without the name of the call; of a command also its output."""
        received = call.received
        if isinstance(received.data, ExecResult):
            return self._output(received.data, call)
        text = received.told or (str(received.data) if received.data is not None else "")
        said = text.strip().partition("\n")[0].removeprefix(f"Done: {call.name}").lstrip(". ")
        return one_line(said, _LONGEST_SAID)

    def _output(self, result: ExecResult, call: Call) -> str:
        """What a command gave, as much of it as leaves room for those of the other commands, without the secrets of
        its call."""
        text = told(result, guest_at(call.path), self._excerpt)
        return self._pipeline.guard.redactor.text(text, secrets_in(call.data, call.template))

    def _words(self, text: str) -> str:
        return self._pipeline.guard.redactor.text(text)

    async def _beat(self) -> None:
        """Show that the plan is carried out, and hear of a stop that another process was asked for."""
        while True:
            with suppress(GuardError):  # A store that is away for a moment does not end a running step.
                if by := await self._records.store.in_thread(self._records.beat, self.number):
                    self.stop(by)
            await anyio.sleep(BEAT_SECONDS)

    async def _end(self, state: PlanState) -> None:
        """Put the end on record, tried again as long as there is time for it: else nothing is heard of the plan any
        more, and it is taken for cut off."""
        while True:
            try:
                await self._records.store.in_thread(self._records.end, self.number, state, self._stopped_by)
            except GuardError as error:
                _LOG.error("the end of plan %s is not on record yet: %s", self.number, error.message)
                await anyio.sleep(_END_PAUSE)
            else:
                return
