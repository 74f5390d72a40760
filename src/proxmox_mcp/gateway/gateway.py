"""All clusters behind one guard: what a tool asks for, taken apart into calls, and their results put together.

Every tool and every command goes through ``Gateway``, and every call that it makes through the one ``Pipeline``.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import CallError
from proxmox_mcp.gateway.answers import Result, off_the_loop, result_of
from proxmox_mcp.gateway.cluster import Cluster, choose, cluster_for
from proxmox_mcp.gateway.fan_out import gather
from proxmox_mcp.gateway.guest_command import carrier, find_guest
from proxmox_mcp.gateway.places import find_places
from proxmox_mcp.gateway.plans import DEFAULT_LIMITS, PlanAsked, PlanLimits, Plans, PlanStep
from proxmox_mcp.gateway.request import NO_CLIENT, Client, Request, call_of, method_of
from proxmox_mcp.proxmox.paged import MOST_ROWS
from proxmox_mcp.record.audit import AuditRecord
from proxmox_mcp.render import WHOLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from proxmox_mcp.gateway.enforcement import Guard
    from proxmox_mcp.gateway.pipeline import Pipeline
    from proxmox_mcp.guests import GuestExec
    from proxmox_mcp.notify import Notifier
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.record.changes import Changes
    from proxmox_mcp.render import Budget

    ReadCall = Callable[[str, Mapping[str, Any]], Awaitable[Call]]


class Gateway:
    """All clusters behind one guard."""

    def __init__(
        self,
        clusters: Mapping[str, Cluster],
        pipeline: Pipeline,
        *,
        budget: Budget,
        guest_commands: bool = False,
        plan_limits: PlanLimits = DEFAULT_LIMITS,
        notifier: Notifier | None = None,
    ) -> None:
        """``guest_commands``: whether models are offered the tool that runs commands in guests, and plans may hold
        such steps. ``notifier`` tells people of what happens here, beside the calls."""
        self.notifier = notifier
        self.clusters = clusters
        self.guest_commands = guest_commands
        self.pipeline = pipeline
        self.budget = budget
        self.plans = Plans(clusters, pipeline, plan_limits, guest_commands=guest_commands)

    @property
    def guard(self) -> Guard:
        return self.pipeline.guard

    async def aclose(self) -> None:
        """Close the connections to the nodes, the audit log and the store; the next call opens them again."""
        for cluster in self.clusters.values():
            await cluster.pve.aclose()
        await self.guard.store.in_thread(self.guard.close)

    async def call(self, request: Request, client: Client = NO_CLIENT) -> str:
        """Do what is asked for and tell the result as text. Raises ProxmoxMcpError: what was wrong, what to do next."""
        result = await self.result(request, client)
        return await off_the_loop(result.data, result.text, request.view, self.budget)

    async def result(self, request: Request, client: Client = NO_CLIENT) -> Result:
        """Do what is asked for. Raises ProxmoxMcpError: what was wrong and what to do next."""
        async with self._begun(request) as (cluster, path):
            async with self._on_record_if_it_fails(request, path):
                method = method_of(request)
                places = await find_places(path, request, method, cluster)
            if places.fanned:
                share = replace(request, most_rows=MOST_ROWS // max(1, len(places.targets)))
                result = await gather(partial(self._one_of_many, share, cluster), places, request.view, client)
                return await result.dated(request.view, cluster.time, places.a_node)
            call = call_of(request, method, places.targets[0].path, cluster.name)
            call = await self.pipeline.run(call, request, cluster, client)
            result = result_of(call, (await cluster.schema.current()).index)
            return await result.dated(request.view, cluster.time, call.path.node)

    async def read(self, request: Request) -> tuple[Cluster, Any]:
        """The data of a GET that one of our tools makes, and the cluster that it is of; guarded and recorded as any."""
        async with self._begun(request) as (cluster, path):
            call = call_of(request, "GET", path, cluster.name)
            return cluster, (await self.pipeline.run(call, request, cluster, NO_CLIENT)).received.data

    @asynccontextmanager
    async def reading(self, request: Request) -> AsyncIterator[tuple[Cluster, ReadCall]]:
        """For several GETs of one request: the cluster, and what makes a GET of a path with parameters.

        The request counts once towards the caller's limits. Each GET is guarded and recorded; nobody is asked: what
        needs a confirmation is refused.
        """
        async with self._begun(request) as (cluster, _):

            async def read(path: str, data: Mapping[str, Any]) -> Call:
                return await self._one_of_many(replace(request, data=data, view=WHOLE), cluster, ApiPath.given(path))

            yield cluster, read

    async def run_command(self, request: Request, which: str, work: GuestExec, client: Client = NO_CLIENT) -> Result:
        """Run a command in the guest with an id or a name (``work.guest`` is filled in). Raises ProxmoxMcpError."""
        async with self._begun(request) as (cluster, path):
            async with self._on_record_if_it_fails(request, path):
                work = replace(work, guest=await find_guest(which, cluster))
                work.check()
            call = call_of(request, "POST", carrier(work.guest), cluster.name)
            return result_of(await self.pipeline.run(call, replace(request, work=work), cluster, client))

    async def undo(self, which: str, request: Request, client: Client = NO_CLIENT, *, caller: str = "") -> str:
        """Undo a change (``41``) or the changes of a plan (``plan 12``) by a plan of inverse calls.

        ``caller``: only what this caller changed, empty for an operator. Raises ProxmoxMcpError: what was wrong, and
        the difference where the same values were changed since.
        """
        # Imported with the first undo: an agent is started for many a session that undoes nothing.
        from proxmox_mcp.gateway.undo import undo_steps

        async with self._on_record_if_it_fails(request, ApiPath.given(request.path)):
            changes = self.changes
            if changes is None:
                raise CallError("Changes are not recorded here (MCP_CHANGES=off), so nothing can be undone.")
            found = await undo_steps(which, caller, changes, partial(self._cluster_of, request), self.guard.redactor)
        steps = tuple(
            PlanStep(
                method=each.method,
                path=each.path,
                data=each.data,
                why=each.why,
                literal=True,
                undoes=found.undoes.get(number),
            )
            for number, each in enumerate(found.steps)
        )
        named = which if "plan" in which.lower() else f"change {which.strip()}"
        asked = PlanAsked(steps=steps, request=replace(request, cluster=found.cluster), undo_of=named)
        text = await self.plans.propose(asked, client)
        return "\n".join([text, *found.left])

    async def prune(self, before: float, request: Request, client: Client = NO_CLIENT) -> str:
        """Delete the snapshots that a rule had taken before a moment (seconds since 1970), by a plan.

        At most as many as a plan has steps, the oldest first. Raises ProxmoxMcpError.
        """
        # Imported when it is asked for: no tool of models does.
        from proxmox_mcp.gateway.snapshot_prune import old_snapshots

        changes = self.changes
        taken_by = await changes.store.in_thread(changes.snapshots_first) if changes else {}
        found = await old_snapshots(request, self.result, before, taken_by)
        if not found.steps:
            return "\n".join(["No snapshot that a rule had taken is that old.", *found.notes])
        most = self.plans.limits.steps
        text = await self.plans.propose(
            PlanAsked(steps=found.steps[:most], request=request, on_error="continue"), client
        )
        left = len(found.steps) - most
        more = [f"A plan has {most} steps at most: {left} snapshots are left, prune again."] if left > 0 else []
        return "\n".join([text, *more, *found.notes])

    @property
    def changes(self) -> Changes | None:
        """The changes on record; None where they are turned off."""
        return self.pipeline.changes.changes if self.pipeline.changes else None

    def _cluster_of(self, request: Request, name: str) -> Cluster:
        return choose(self.clusters, name, request.caller, request.wording)

    async def _one_of_many(self, request: Request, cluster: Cluster, path: ApiPath) -> Call:
        """One place of many, never asked about: what needs a confirmation is refused there, as in the read tool."""
        quiet = replace(request, reads_only=True, alone=False, confirm="", wait=0.0)
        return await self.pipeline.run(call_of(quiet, "GET", path, cluster.name), quiet, cluster, NO_CLIENT)

    @asynccontextmanager
    async def _begun(self, request: Request) -> AsyncIterator[tuple[Cluster, ApiPath]]:
        """Around one request, within its caller's limits: the cluster and the path that it is for.

        Raises RateLimitError, and CallError where there is no such cluster; both are on record.
        """
        path = ApiPath.given(request.path)
        async with AsyncExitStack() as until_done:
            async with self._on_record_if_it_fails(request, path):
                await until_done.enter_async_context(self.guard.admitted(request.caller))
                cluster = cluster_for(self.clusters, request)
            yield cluster, path

    def _on_record_if_it_fails(self, request: Request, path: ApiPath) -> AbstractAsyncContextManager[AuditRecord]:
        """Around what leads to calls: a request that leads to none is on record itself, each call of another is."""
        call = call_of(request, request.method, path, request.cluster)
        return AuditRecord(self.guard.audit, call).closed(only_failures=True)
