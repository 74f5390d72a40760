"""``proxmox_api_plan``: several writes that are stated together, confirmed once and carried out in order."""

# Tested through tests/guests/test_plans.py and tests/e2e/test_plans.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from proxmox_mcp.errors import UnknownArgumentError
from proxmox_mcp.gateway.plans import PlanAsked, read_steps
from proxmox_mcp.server.tools.tool import Tool, ToolCall, ToolParameter

if TYPE_CHECKING:
    from proxmox_mcp.gateway import Request

_WAYS = ("steps", "plan", "undo")


async def _run(call: ToolCall) -> str:
    """Raises UnknownArgumentError where it is not one of: steps, the number of a plan, what to undo."""
    given, plans = call.arguments, call.gateway.plans
    request = _request(call)
    if len(given.keys() & set(_WAYS)) != 1:
        raise UnknownArgumentError(
            "Give exactly one of `steps` (a new plan), `plan` (one that there is) and `undo`.", "Nothing was sent."
        )
    if "plan" in given:
        number = given["plan"]
        if given.get("stop"):
            return await plans.stop(number, request, call.client)
        if request.confirm or call.client.answer is not None:
            return await plans.confirm(number, request, call.client)
        return await plans.wait(number, request, call.client)
    if "undo" in given:
        return await call.gateway.undo(str(given["undo"]), request, call.client, caller=request.caller.name)
    asked = PlanAsked(
        steps=read_steps(given["steps"], plans.limits.steps),
        request=request,
        filter=given.get("filter", ""),
        on_error=given.get("on_error", "stop"),
    )
    return await plans.propose(asked, call.client)


def _request(call: ToolCall) -> Request:
    """The filter of a plan is not one of rows."""
    without = replace(call, arguments={name: value for name, value in call.arguments.items() if name != "filter"})
    return without.request("/", dry_run=call.arguments.get("dry_run", False), confirm=call.arguments.get("confirm", ""))


_STEP = {
    "path": ToolParameter("string", ""),
    "method": ToolParameter("string", ""),
    "data": ToolParameter("object", ""),
}
_COMMAND = {
    "guest": ToolParameter("string", ""),
    "command": ToolParameter("strings", ""),
    "timeout": ToolParameter("integer", ""),
}
"""What a step has instead if it is a command for a guest. It takes ``input`` and ``wait_for`` as well, as
``guest_exec`` does."""

TOOL = Tool(
    "proxmox_api_plan",
    "Several writes, stated and confirmed once. Paths take nodes/*/guests/*; vmid `next`, then ${1.vmid}.",
    _run,
    {
        "steps": ToolParameter(
            "objects",
            "",
            members={name: replace(each, required=name != "data") for name, each in _STEP.items()},
        ),
        "filter": ToolParameter("string", "of *: tags~lab and status=running"),
        "on_error": ToolParameter("string", "", enum=("stop", "continue")),
        "dry_run": ToolParameter("boolean", ""),
        "confirm": ToolParameter("string", ""),
        "plan": ToolParameter("integer", "wait for it"),
        "stop": ToolParameter("boolean", "end the plan"),
        "undo": ToolParameter("string", "a change, or `plan 12`"),
    },
    reads_only=False,
)

WITH_COMMANDS = replace(
    TOOL,
    description=TOOL.description.replace("Several writes", "Writes or commands"),
    parameters={**TOOL.parameters, "steps": ToolParameter("objects", "", members={**_STEP, **_COMMAND})},
)
"""For servers that run commands in guests."""
