"""The one way from a tool to the cluster and back: resolve, check, decide, confirm, send, follow, shape.

Every tool and every command goes through ``Gateway``; each step takes what the step before it made.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.validation.encode import needs_json
from proxmox_mcp.errors import GuardError, NodeUnreachableError, ProxmoxError
from proxmox_mcp.gateway.answers import Got, Result, returned_fields, terms_of
from proxmox_mcp.gateway.audit_record import Trail
from proxmox_mcp.gateway.checking import Checked, check, doubtful, must_be_sendable
from proxmox_mcp.gateway.cluster import Cluster, choose
from proxmox_mcp.gateway.denials import missing_rights
from proxmox_mcp.gateway.failed_tasks import advice_on_tasks
from proxmox_mcp.gateway.fan_out import gather
from proxmox_mcp.gateway.metrics_hooks import NOBODY
from proxmox_mcp.gateway.places import find_places, method_of, node_of
from proxmox_mcp.gateway.request import NO_CLIENT, Client, Request
from proxmox_mcp.gateway.suggestions import candidates, unknown_node, unseen_in
from proxmox_mcp.gateway.task_wait import follow, patience, report
from proxmox_mcp.gateway.working import off_the_loop
from proxmox_mcp.proxmox.paged import MOST_ROWS, read_rows
from proxmox_mcp.proxmox.shares import on_behalf_of
from proxmox_mcp.proxmox.upid import find_upids
from proxmox_mcp.record.redaction import secrets_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from proxmox_mcp.apidoc.validation.authority import Mode as Validation
    from proxmox_mcp.gateway.enforcement import Guard
    from proxmox_mcp.gateway.metrics_hooks import Observer
    from proxmox_mcp.gateway.schema_source import Schema
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.policy.policy import Decision
    from proxmox_mcp.proxmox.access import Writer
    from proxmox_mcp.proxmox.answers import Answer
    from proxmox_mcp.render import Budget

_TASK_STATUS = "/nodes/{node}/tasks/{upid}/status"


class Gateway:
    """All clusters behind one guard."""

    def __init__(
        self,
        clusters: Mapping[str, Cluster],
        writers: Mapping[str, Writer],
        guard: Guard,
        *,
        validation: Validation,
        budget: Budget,
        task_wait: float = 0.0,
        observer: Observer = NOBODY,
    ) -> None:
        self.clusters = clusters
        self.guard = guard
        self._writers = writers
        self.budget = budget
        self._validation = validation
        self._task_wait = task_wait
        self._observer = observer

    @asynccontextmanager
    async def admitted(self, caller: Caller) -> AsyncIterator[None]:
        """Around one call: counts towards the caller's limits, and makes its share of the way to the cluster its own.

        Raises RateLimitError.
        """
        async with self.guard.limits.call(caller):
            with on_behalf_of(caller.name):
                yield

    async def call(self, call: Request, client: Client = NO_CLIENT) -> str:
        """Make one call and tell its result as text. Raises ProxmoxMcpError: what was wrong and what to do next."""
        result = await self.result(call, client)
        return await off_the_loop(result.data, result.text, call.view, self.budget)

    async def result(self, call: Request, client: Client = NO_CLIENT) -> Result:
        """Make one call. Raises ProxmoxMcpError: what was wrong and what to do next."""
        trail = Trail(self.guard.audit, call, call.method, call.path, call.cluster)
        async with trail.closed(), self.admitted(call.caller):
            cluster = choose(self.clusters, call.cluster, call.caller)
            method = method_of(call)
            places = await find_places(call, method, cluster)
            trail.hand_over()
            if places.fanned:
                share = replace(call, most_rows=MOST_ROWS // max(1, len(places.targets)))
                return await gather(partial(self._place, share, cluster), places, client)
            got = await self.one(call, method, places.targets[0].path, cluster, client)
            endpoint = got.checked.endpoint
            notes = (*got.notes, got.unread) if got.unread else got.notes
            return Result(got.data, got.told, notes, returned_fields(endpoint), terms_of(endpoint))

    async def read(self, call: Request) -> tuple[Cluster, Any]:
        """The data of a GET that a tool of ours makes, and the cluster that it is of; guarded and put on record as any
        other."""
        trail = Trail(self.guard.audit, call, "GET", call.path, call.cluster)
        async with trail.closed(), self.admitted(call.caller):
            cluster = choose(self.clusters, call.cluster, call.caller)
            trail.hand_over()
            return cluster, (await self.one(call, "GET", call.path, cluster, NO_CLIENT)).data

    async def one(self, call: Request, method: str, path: str, cluster: Cluster, client: Client) -> Got:
        """One call on one concrete path: check, decide, confirm, send, follow; on record in any case."""
        trail = Trail(self.guard.audit, call, method, path, cluster.name)
        async with trail.closed():
            checked = await self._checked(call, method, path, cluster)
            trail.resolved(checked.action)
            must_be_sendable(checked)
            decision = await self.guard.decide(checked.action, call, cluster)
            trail.decided(decision)
            self._observer.decided(cluster.name, decision)
            if call.dry_run:
                trail.rehearsed()
                told = await self._rehearsed(checked, decision, cluster)
                return Got(self._would_send(checked, decision), checked, told=told)
            caution = doubtful(checked)
            self.guard.admit(decision, call, caution)
            trail.confirmed(await self.guard.confirm(checked.action, decision, call, cluster, client, caution))
            await trail.before_sending()
            got = await self._sent(checked, call, cluster, client, trail)
            return replace(got, notes=(*got.notes, caution)) if caution else got

    async def _checked(self, call: Request, method: str, path: str, cluster: Cluster) -> Checked:
        """The call held against the schema. Before it is refused, the node that would judge it is asked for its
        version: one that was upgraded meanwhile may know what the schema at hand doesn't."""

        def against(schema: Schema) -> Checked:
            return check(schema, self._validation, self.guard.risks, method, path, call.data, cluster.name)

        checked = against(await cluster.schema.current())
        if not checked.refusals:
            return checked
        there = await cluster.schema.version_at(node_of(path))
        known = there in ("", checked.schema.node_version)
        return checked if known else against(await cluster.schema.of_version(there))

    async def _place(self, call: Request, cluster: Cluster, path: str) -> Got:
        """One place of many, never asked about: what needs a confirmation is refused there, as in the read tool."""
        quiet = replace(call, reads_only=True, alone=False, confirm="", wait=0.0)
        return await self.one(quiet, "GET", path, cluster, NO_CLIENT)

    async def _sent(self, checked: Checked, call: Request, cluster: Cluster, client: Client, trail: Trail) -> Got:
        """Send the call, and follow the tasks that it starts. ``told`` is set where the tasks are the answer."""
        action, started = checked.action, time.monotonic()
        seconds, words = patience(call.wait, self._task_wait, client), self._words(checked)
        if action.template == _TASK_STATUS and call.wait:
            outcomes = await follow([action.path_params["upid"]], seconds, cluster, client, words)
            advice = await advice_on_tasks(outcomes, None, cluster)
            return Got(None, checked, told=report(outcomes, words, call.wording, advice=advice))
        refusal: ProxmoxError | None = None
        try:
            answer = await self._writers[cluster.name].send(action.method, checked.path, checked.data)
        except ProxmoxError as error:
            refusal = error
        if (
            refusal is not None
        ):  # raised outside of except: its context would be the refusal as it came, secrets and all
            raise await self._explained(refusal, checked, cluster)
        data = answer.data
        if action.method == "GET":
            return await self._read(answer, checked, call, cluster)
        cluster.inventory.forget()
        upids = find_upids(data)
        trail.upid = " ".join(upids)
        if not upids:
            name = f"{action.method} {action.path}"
            keep = self.guard.vault.keeper(call.caller.name, name)
            try:
                data = await off_the_loop(data, self.guard.redactor.data, data, action.template, keep)
            except GuardError as error:
                said = f"{name} was done, but the secret that it gave could not be kept: {error.message}"
                raise GuardError(said, f"Revoke it, and make the call again. {error.advice}") from error
            told = f"Done: {name}" if data in (None, "") else ""
            return Got(data, checked, told=told)
        outcomes = await follow(upids, seconds, cluster, client, words, started=started)
        for outcome in outcomes:
            self._observer.followed(cluster.name, outcome)
        cluster.inventory.forget()
        advice = await advice_on_tasks(outcomes, checked, cluster)
        said = report(outcomes, words, call.wording, advice=advice)
        return Got(self.guard.redactor.data(data, action.template), checked, told=said)

    async def _read(self, answer: Answer, checked: Checked, call: Request, cluster: Cluster) -> Got:
        """What a GET gave, read on to its end where Proxmox gives it in pages."""
        data, unread = answer.data, ""
        parameters = checked.endpoint.parameters if checked.endpoint else {}
        rows = await read_rows(cluster.pve, checked.path, checked.data, parameters, answer, call.most_rows)
        if rows is not None:
            data, unread = rows.data, rows.unread(filtered=bool(call.view.conditions))
        shown = await off_the_loop(data, self.guard.redactor.data, data, checked.action.template)
        return Got(shown, checked, notes=await self._seen(data, checked, cluster), unread=unread)

    async def _explained(self, refusal: ProxmoxError, checked: Checked, cluster: Cluster) -> ProxmoxError:
        """The refusal with what there is instead, what right is missing and what the schema doubts, and without
        secrets: Proxmox echoes values in its refusals."""
        advice = refusal.advice
        if there_is := await candidates(refusal, checked.action, cluster):
            advice = f"{there_is} {advice}" if isinstance(refusal, NodeUnreachableError) else there_is
        elif missing := await missing_rights(refusal, checked, cluster):
            advice = missing
        return refusal.with_advice(f"{advice}\n{doubtful(checked)}".strip()).reworded(self._words(checked))

    def _words(self, checked: Checked) -> Callable[[str], str]:
        """What takes secrets out of a text: those that are known everywhere, and those of this call."""
        also = secrets_in(checked.data, checked.action.template)
        return lambda text: self.guard.redactor.text(text, also)

    async def _seen(self, data: Any, checked: Checked, cluster: Cluster) -> tuple[str, ...]:
        """Why a list is empty: there is no such node, or the identity may not see what is in it."""
        if data != []:
            return ()
        if there_is := await unknown_node(checked.action, cluster):
            return (there_is,)
        unseen = await unseen_in(checked.action.template, cluster)
        return (unseen,) if unseen else ()

    def _would_send(self, checked: Checked, decision: Decision) -> dict[str, Any]:
        """What a dry run says, as data."""
        action = checked.action
        return {
            "method": action.method,
            "path": checked.path,
            "data": self.guard.redactor.data(dict(checked.data), action.template),
            "risk": str(action.judgement.risk),
            "decision": str(decision.verdict),
        }

    async def _rehearsed(self, checked: Checked, decision: Decision, cluster: Cluster) -> str:
        """What would be sent and what it is judged as; nothing is sent."""
        action = checked.action
        shown = self.guard.redactor.data(dict(checked.data), action.template)
        lines = [f"Dry run, nothing was sent. Would send: {action.method} {checked.path}"]
        if needs_json(checked.data):
            lines[0] += " with a JSON body, since a form can't carry one of the lists"
        lines += [f"  {name} = {value}" for name, value in shown.items()]
        lines.append(f"Judged `{action.judgement.risk}` ({action.judgement.why}).")
        by = " by a person" if decision.person_only else ""
        lines.append(f"Policy: {decision.verdict}{by} ({decision.reason}).")
        if checked.endpoint is not None:
            params = {**action.path_params, **checked.data}
            judge = await cluster.permissions.judge_of(checked.endpoint, params)
            if judge is not None:
                lines += judge.expected(checked.endpoint, params)
        lines += filter(None, [doubtful(checked)])
        if decision.verdict == "confirm":
            lines.append((await self.guard.statement(action, cluster)).text)
        return "\n".join(lines)
