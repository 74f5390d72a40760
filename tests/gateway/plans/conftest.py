"""Proposals without a cluster: rehearsed calls, as the policy gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.gateway.plans.proposal import PlannedStep, Proposal
from proxmox_mcp.gateway.plans.steps import ConcreteStep
from proxmox_mcp.gateway.request import Request
from proxmox_mcp.policy.caller import LOCAL, Mode
from proxmox_mcp.policy.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.policy.call import Call


@pytest.fixture
def planned(action: Callable[..., Call]) -> Callable[..., PlannedStep]:
    """Makes a rehearsed step, decided in guarded mode: ``planned(1, "DELETE", "/pools/{poolid}", "lab")``."""

    def make(number: int, method: str, template: str, *values: object, given: int = 0, **more: Any) -> PlannedStep:
        allocated = more.pop("allocated", {})
        call = action(method, template, *values, **more)
        call = replace(call, decision=Policy(Mode.GUARDED).decide(call))
        step = ConcreteStep(
            number=number,
            given=given or number,
            method=method,
            path=ApiPath.parse(call.path.encoded),
            data=call.data,
            allocated=allocated,
        )
        return PlannedStep(step, call, live=None)  # type: ignore[arg-type]

    return make


@pytest.fixture
def proposed() -> Callable[..., Proposal]:
    """Makes a proposal of rehearsed steps."""

    def make(*steps: PlannedStep, mode: Mode = Mode.GUARDED, **more: Any) -> Proposal:
        cluster: Any = type("AnyCluster", (), {"name": "default"})()
        request = Request(path="/", caller=LOCAL, tool="proxmox_api_plan")
        return Proposal(steps=steps, request=request, cluster=cluster, mode=mode, most_unasked=5, **more)

    return make
