"""Plans, from the proposal to the answer: stated, confirmed once, carried out by the server, waited for by number."""

# Tested through tests/e2e/test_plans.py.

from __future__ import annotations

import hashlib
import json
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import CallError, ConfirmationError, PlanFailedError, TargetError
from proxmox_mcp.gateway.cluster import cluster_for
from proxmox_mcp.gateway.plans import report
from proxmox_mcp.gateway.plans.existence import Snapshots, missing_places, missing_targets
from proxmox_mcp.gateway.plans.expansion import Placeholders, expand
from proxmox_mcp.gateway.plans.identifiers import FreeIdentifiers, find_free
from proxmox_mcp.gateway.plans.proposal import METHOD, OnError, Proposal
from proxmox_mcp.gateway.plans.records import PlanRecord, PlanRecords, PlanState, StatedPlan
from proxmox_mcp.gateway.plans.rehearsal import PlanStatement, rehearse
from proxmox_mcp.gateway.plans.run import Run
from proxmox_mcp.gateway.plans.steps import PlanStep
from proxmox_mcp.gateway.request import call_of, nothing_sent, patience
from proxmox_mcp.record.audit import AuditRecord
from proxmox_mcp.render import View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from anyio.abc import TaskGroup

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.pipeline import Pipeline
    from proxmox_mcp.gateway.request import Client, Request, Wording
    from proxmox_mcp.policy.call import Call

_POLL_SECONDS = 1.0
"""How often the store is asked about a plan that another process carries out."""
_SHUTDOWN_SECONDS = 5.0


class PlanAsked(Struct, frozen=True, kw_only=True):
    """What a caller asks for. ``filter`` selects what a ``*`` stands for; ``undo_of`` says what the steps undo."""

    steps: tuple[PlanStep, ...]
    request: Request
    filter: str = ""
    on_error: OnError = "stop"
    undo_of: str = ""

    @property
    def given(self) -> dict[str, Any]:
        """As JSON, to be kept and compared."""
        steps = [step.given for step in self.steps]
        return {"steps": steps, "filter": self.filter, "on_error": self.on_error, "undo_of": self.undo_of}

    def digest(self, cluster: str) -> str:
        written = json.dumps([cluster, self.given], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


class PlanLimits(Struct, frozen=True):
    """``steps``: the most of one plan; ``unasked``: objects that a plan may write to without a confirmation;
    ``keep_days``: how long plans are on record."""

    steps: int = 100
    unasked: int = 5
    keep_days: float = 90


DEFAULT_LIMITS = PlanLimits()


class Plans:
    """The plans of one gateway. Those that run belong to ``running``, not to the request that began them."""

    def __init__(
        self, clusters: Mapping[str, Cluster], pipeline: Pipeline, limits: PlanLimits, *, guest_commands: bool = False
    ) -> None:
        """``guest_commands``: whether steps may be commands for guests."""
        self.limits, self._guest_commands = limits, guest_commands
        self._clusters, self._pipeline, self._guard = clusters, pipeline, pipeline.guard
        self._records = PlanRecords(pipeline.guard.store, keep_days=limits.keep_days)
        self._group: TaskGroup | None = None
        self._runs: dict[int, Run] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The life of the server: plans are carried out within it. At its end each stops after its running step, and
        is cut off where that takes longer than a few seconds."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                yield
            finally:
                self._group = None
                for run in self._runs.values():
                    run.stop("the end of the server")
                with anyio.move_on_after(_SHUTDOWN_SECONDS, shield=True):
                    for run in list(self._runs.values()):
                        await run.ended.wait()
                group.cancel_scope.cancel()

    async def propose(self, asked: PlanAsked, client: Client) -> str:
        """State a plan, have it confirmed where it must be, and carry it out. Raises ProxmoxMcpError."""
        request = asked.request
        async with (
            AuditRecord(self._guard.audit, _unproposed(request)).closed() as record,
            self._guard.admitted(request.caller),
        ):
            if not self._guest_commands and any(step.work for step in asked.steps):
                raise CallError(
                    "This server runs no commands in guests.",
                    "Nothing was sent. The operator can allow them with MCP_GUEST_EXEC=true.",
                )
            cluster = cluster_for(self._clusters, request)
            binding = asked.digest(cluster.name)
            find, caller = self._records.find_stated, request.caller.name
            known = None if request.dry_run else await self._in_store(find, caller, binding)
            number, identifiers = known or (None, ())
            proposal, identifiers = await self._proposal(asked, cluster, identifiers)
            stated = PlanStatement(proposal, self._guard, partial(self._repeat, asked, cluster, identifiers))
            if request.dry_run:
                record.success = "dry-run"
                record.keep(proposal.as_call())
                return await self._dry_run(proposal, stated)
            kept = await self._kept(asked, stated, binding, identifiers)
            with nothing_sent():
                number = await self._in_store(self._records.state, kept, number)
                call, stated = record.keep(proposal.as_call(number)), replace(stated, number=number)
                call = record.keep(await self._guard.confirm_stated(call, request, stated, client))
                await self._in_store(self._records.begin, number, call.confirmation)
        await self._start(Run(number, proposal, call.confirmation, pipeline=self._pipeline, records=self._records))
        return await self.wait(number, request, client)

    async def confirm(self, number: int, request: Request, client: Client) -> str:
        """Confirm a plan that was stated, by its number in place of its steps. Raises as ``propose`` does."""
        plan = await self._in_store(self._records.get, number, request.caller.name)
        if plan.state is not PlanState.STATED:
            return self._told(plan, "", request.wording)
        if plan.given is None:
            raise ConfirmationError(
                f"plan {number} holds secrets, which are not kept.",
                "Nothing was sent. Repeat the call with its steps, and with `confirm`.",
            )
        given = plan.given
        steps = tuple(PlanStep.kept(step) for step in given["steps"])
        asked = PlanAsked(
            steps=steps,
            request=replace(request, cluster=plan.cluster),
            filter=given["filter"],
            on_error=given["on_error"],
            undo_of=given["undo_of"],
        )
        return await self.propose(asked, client)

    async def wait(self, number: int, request: Request, client: Client) -> str:
        """Wait for a plan, as long as for a task: how it ended, or how far it is. Raises PlanFailedError."""
        seconds = patience(request, self._pipeline.task_wait, client)
        text, news = "", 0
        plan = await self._in_store(self._records.get, number, request.caller.name)
        try:
            with anyio.move_on_after(seconds):
                while plan.runs:
                    text, news = await self._news(number, news)
                    plan = await self._in_store(self._records.get, number, request.caller.name)
                    done = sum(1 for step in plan.steps if step.state not in ("waiting", "running"))
                    await client.progress(done / len(plan.steps), text or f"{done} of {len(plan.steps)} steps")
        except anyio.get_cancelled_exc_class():
            if (run := self._runs.get(number)) is not None:
                run.stop("a cancelled request")
            raise
        return self._told(plan, text, request.wording)

    async def stop(self, number: int, request: Request, client: Client) -> str:
        """End a plan after its running step, and wait for that."""
        async with AuditRecord(self._guard.audit, _numbered(request, number, stop="1")).closed():
            plan = await self._in_store(self._records.get, number, request.caller.name)
        if plan.runs:
            await self._in_store(self._records.request_stop, number, request.caller.name)
            if (run := self._runs.get(number)) is not None:
                run.stop(request.caller.name)
        return await self.wait(number, request, client)

    async def all_running(self) -> list[PlanRecord]:
        """The plans of all callers that are being carried out: for operators."""
        found: list[PlanRecord] = await self._in_store(self._records.running)
        return found

    async def stop_by_operator(self, number: int, operator: str) -> None:
        """End the plan of any caller after its running step, without waiting for that. Raises TargetError if it does
        not run."""
        if not await self._in_store(self._records.request_stop, number, operator):
            raise TargetError(f"Plan {number} does not run, so there is nothing to stop.", "See which plans run now.")
        if (run := self._runs.get(number)) is not None:
            run.stop(operator)

    # Parts of a proposal.

    async def _proposal(
        self, asked: PlanAsked, cluster: Cluster, identifiers: Sequence[str]
    ) -> tuple[Proposal, tuple[str, ...]]:
        """The plan on the cluster as it is now, and the identifiers that were allocated for it: given again where it
        was stated before."""
        conditions = View.of(filter=asked.filter).conditions
        resources = await cluster.inventory.resources(fresh=True)
        snapshots, needed = Snapshots(cluster), Placeholders()
        first = expand(asked.steps, conditions, resources, needed, self.limits.steps)
        missing = await missing_places(first.steps, snapshots)
        if missing:
            needed = Placeholders()
            expand(asked.steps, conditions, resources, needed, self.limits.steps, missing)
        if len(identifiers) != len(needed.taken):
            taken = [int(text) for step in asked.steps for text in map(str, step.data.values()) if text.isdecimal()]
            free = await find_free(needed.taken, taken, cluster)
        else:
            free = FreeIdentifiers.again(identifiers)
        allocated = tuple(free.all())
        expansion = expand(asked.steps, conditions, resources, free, self.limits.steps, missing)
        targets = await missing_targets(expansion.steps, snapshots, resources, sees_all=await cluster.sees_all_guests())
        planned = await rehearse(expansion.steps, asked.request, cluster, self._pipeline, targets)
        proposal = Proposal(
            steps=planned,
            request=asked.request,
            cluster=cluster,
            mode=self._guard.policy.effective_mode(asked.request.caller),
            most_unasked=self.limits.unasked,
            on_error=asked.on_error,
            left_out=expansion.left_out,
            undo_of=asked.undo_of,
        )
        return proposal, allocated

    async def _repeat(self, asked: PlanAsked, cluster: Cluster, identifiers: Sequence[str]) -> Proposal:
        return (await self._proposal(asked, cluster, identifiers))[0]

    async def _dry_run(self, proposal: Proposal, stated: PlanStatement) -> str:
        statement, decision = await stated.statement(), proposal.decision
        by = " by a person" if decision.person_only else ""
        said = [statement.text, proposal.as_call().caution, f"Policy: {decision.verdict}{by} ({decision.reason})."]
        return "\n".join(["Dry run, nothing was sent.", *filter(None, said)])

    async def _kept(
        self, asked: PlanAsked, stated: PlanStatement, binding: str, identifiers: Sequence[str]
    ) -> StatedPlan:
        proposal, redactor = stated.proposal, self._guard.redactor
        redacted = [redactor.data(dict(p.call.data), p.call.template) for p in proposal.steps]
        whole = all(dict(p.call.data) == shown for p, shown in zip(proposal.steps, redacted, strict=True))
        statement = proposal.summary
        if proposal.decision.verdict == "confirm":
            statement = (await stated.statement()).redacted
        return StatedPlan(
            caller=asked.request.caller.name,
            client=asked.request.client,
            cluster=proposal.cluster.name,
            summary=proposal.summary,
            statement=redactor.text(statement),
            binding=binding,
            on_error=proposal.on_error,
            undo_of=proposal.undo_of,
            given=asked.given if whole else None,
            identifiers=identifiers,
            steps=[
                {"method": p.step.method, "path": p.step.path.text, "template": p.call.template, "data": shown}
                for p, shown in zip(proposal.steps, redacted, strict=True)
            ],
        )

    # Parts of carrying out.

    async def _start(self, run: Run) -> None:
        """Hand a plan to the server; without one (a command of the command line) it is carried out here."""
        self._runs[run.number] = run
        if self._group is None:
            await self._carry_out(run)
        else:
            self._group.start_soon(self._carry_out, run)

    async def _carry_out(self, run: Run) -> None:
        try:
            await run.carry_out()
        finally:
            del self._runs[run.number]

    async def _news(self, number: int, news: int) -> tuple[str, int]:
        """What a plan does now, once there are more than these many news."""
        run = self._runs.get(number)
        if run is None:
            await anyio.sleep(_POLL_SECONDS)
            return "", 0
        news = await run.progress.since(news)
        return run.progress.text, news

    def _told(self, plan: PlanRecord, text: str, wording: Wording) -> str:
        if plan.runs:
            return report.running(plan, text, wording)
        if plan.state is PlanState.STATED:
            return report.stated_only(plan)
        if plan.state in (PlanState.FAILED, PlanState.CUT_OFF):
            raise PlanFailedError(report.ended(plan, wording))
        return report.ended(plan, wording)

    async def _in_store(self, work: Any, *arguments: Any) -> Any:
        return await self._records.store.in_thread(work, *arguments)


def _unproposed(request: Request) -> Call:
    """A plan before it is known what it does, for the audit."""
    return call_of(request, METHOD, ApiPath.of(()), request.cluster)


def _numbered(request: Request, number: int, **data: str) -> Call:
    return replace(call_of(request, METHOD, ApiPath.of([str(number)]), request.cluster), data=data)
