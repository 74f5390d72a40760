"""All steps of a plan checked, judged and decided before anything is sent; the faults of all of them at once."""

# Tested through tests/e2e/test_plans.py.

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import PermissionDeniedError, ProxmoxMcpError
from proxmox_mcp.gateway.plans.expansion import made_by_proxmox
from proxmox_mcp.gateway.plans.proposal import PlannedStep, Proposal
from proxmox_mcp.gateway.plans.references import substituted
from proxmox_mcp.gateway.plans.statement import StatedStep, plan_statement
from proxmox_mcp.gateway.plans.steps import ConcreteStep, StepFault, refuse
from proxmox_mcp.gateway.request import call_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from proxmox_mcp.confirm.statement import Statement
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.enforcement import Guard
    from proxmox_mcp.gateway.pipeline import Pipeline
    from proxmox_mcp.gateway.request import Request

_GRANTING = ("access", "pools")
"""Areas in which an earlier step may change what the identity may do."""


async def rehearse(
    steps: Sequence[ConcreteStep],
    request: Request,
    cluster: Cluster,
    pipeline: Pipeline,
    known: Mapping[int, StepFault] = MappingProxyType({}),
) -> tuple[PlannedStep, ...]:
    """Every step as far as it can be taken without sending it. Raises one error with the faults of all, also of those
    that are ``known``.

    All at the same time: they share the readings of the inventory, and the connections bound what runs at once.
    """
    planned: dict[int, PlannedStep] = {}
    faults = dict(known)
    examples = {f"{step.number}": made for step in steps if (made := made_by_proxmox(step.method, step.path))}

    async def take(step: ConcreteStep) -> None:
        try:
            planned[step.number] = await rehearse_step(with_made(step, _example(examples)), request, cluster, pipeline)
        except ProxmoxMcpError as error:
            faults[step.number] = StepFault(step.given, error)

    async with anyio.create_task_group() as group:
        for step in steps:
            group.start_soon(take, step)
    if denied := await _unpermitted(planned.values(), steps, cluster):
        cluster.permissions.forget()  # They are kept for a minute, and may have been granted just now.
        denied = await _unpermitted(planned.values(), steps, cluster)
    refuse([(faults | denied)[number] for number in sorted(faults | denied)], len({step.given for step in steps}))
    return tuple(planned[step.number] for step in steps)


async def rehearse_step(step: ConcreteStep, request: Request, cluster: Cluster, pipeline: Pipeline) -> PlannedStep:
    """One step as far as it can be taken without sending it. Raises what its call would raise."""
    call = call_of(request, step.method, step.path, cluster.name)
    call, live = await pipeline.rehearse(call, replace(request, data=step.data, work=step.work, agreed=None), cluster)
    return PlannedStep(step, call, live)


def with_made(step: ConcreteStep, made: Callable[[int, str], str]) -> ConcreteStep:
    """The step with what Proxmox made in place of the references to it."""
    if step.literal:
        return step
    data = substituted(dict(step.data), made)
    path = substituted(step.path.text, made)
    return replace(step, data=data, path=step.path if path == step.path.text else ApiPath.parse(path))


def _example(examples: Mapping[str, tuple[str, str]]) -> Callable[[int, str], str]:
    """Values of the same form as those that Proxmox will make, for the check."""
    return lambda step, name: examples.get(f"{step}", ("", f"${{{step}.{name}}}"))[1]


async def _unpermitted(
    planned: Iterable[PlannedStep], steps: Sequence[ConcreteStep], cluster: Cluster
) -> dict[int, StepFault]:
    """The steps that Proxmox would refuse for want of a privilege.

    What an earlier step creates has no permissions yet, and one may grant them: such steps are left to Proxmox.
    """
    faults: dict[int, StepFault] = {}
    for each in planned:
        call, endpoint = each.call, each.call.endpoint
        earlier = [step for step in steps if step.number < each.step.number]
        made = {value for step in earlier for value in step.allocated.values()}
        grants = any(step.path.segments and step.path.segments[0] in _GRANTING for step in earlier)
        params = {**call.path_params, **call.data}
        if endpoint is None or grants or made & {*call.path.segments, *map(str, call.data.values())}:
            continue
        rights = await cluster.permissions.rights_for(endpoint, params)
        if rights is None:
            break
        access = rights.access(endpoint, params)
        if access.verdict == "denied":
            error = PermissionDeniedError(f"Proxmox would refuse this: {access.told(rights.identity)}.")
            faults[each.step.number] = StepFault(each.step.given, error)
    return faults


class PlanStatement(Struct, frozen=True):
    """The statement of a proposal, for the ladder of confirmations. ``repeat`` proposes the same again; ``number`` is
    the plan's, 0 as long as it has none."""

    proposal: Proposal
    guard: Guard
    repeat: Callable[[], Awaitable[Proposal]]
    number: int = 0

    async def statement(self, *, backups: bool = True) -> Statement:
        found = await stated(self.proposal.steps, self.guard, backups=backups)
        return plan_statement(self.proposal, found, self.number)

    async def again(self) -> PlanStatement:
        return replace(self, proposal=await self.repeat())


async def stated(steps: Sequence[PlannedStep], guard: Guard, *, backups: bool = True) -> list[StatedStep]:
    """The steps with their statements, from the live state."""
    found: dict[int, Statement] = {}

    async def state(planned: PlannedStep) -> None:
        found[planned.step.number] = await planned.live.statement(guard.redactor, backups=backups)

    async with anyio.create_task_group() as group:
        for planned in steps:
            group.start_soon(state, planned)
    return [StatedStep(planned, found[planned.step.number]) for planned in steps]
