"""The tour: a real MCP client over SSE finds an endpoint, corrects a call, makes it, and sees a guest start.

Each step is a tool call with texts that its result must contain; otherwise the step fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp import Client
from mcp.client.sse import sse_client
from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

GUEST = "web-03"


class TourStep(Struct, frozen=True):
    """``text`` is shown before the call. The result must contain all of ``expects``; ``fails``: it must be an error."""

    text: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    expects: tuple[str, ...] = ()
    fails: bool = False


class StepResult(Struct, frozen=True):
    """A step with its result, and the expected texts that are missing from it."""

    step: TourStep
    output: str
    missing: tuple[str, ...]


STEPS = (
    TourStep("Which nodes are there, and are they healthy?", "list_nodes", expects=("pve1", "online", "all 3 nodes")),
    TourStep(
        "Find the call that starts a VM, in plain words.",
        "search_api",
        {"query": "power on a virtual machine", "limit": 2},
        ("POST /nodes/{node}/qemu/{vmid}/status/start",),
    ),
    TourStep(
        "A wrong call returns every error with a correction; nothing is sent.",
        "proxmox_api_call",
        {
            "path": f"/nodes/*/qemu/{GUEST}/config",
            "method": "PUT",
            "data": {"memroy": 12288, "cores": "six", "net0": "virtio,brige=vmbr0"},
        },
        ("3 faults", "Did you mean memory?", "'six' is not an integer", "Did you mean bridge?"),
        fails=True,
    ),
    TourStep(
        "The corrected call. It names the guest; the server finds its node.",
        "proxmox_api_call",
        {"path": f"/nodes/*/qemu/{GUEST}/config", "method": "PUT", "data": {"memory": 12288, "cores": 6}},
        ("/qemu/102/config",),
    ),
    TourStep(
        "Start the guest. The server waits until the task has ended.",
        "proxmox_api_call",
        {"path": f"/nodes/*/qemu/{GUEST}/status/start", "method": "POST"},
        ("Task qmstart of 102", "ended: OK"),
    ),
    TourStep(
        "Is it running, with its new memory?",
        "get_cluster_resources",
        {"type": "vm", "filter": "name~web-0"},
        (GUEST, "/12"),
    ),
    TourStep(
        "Before it destroys anything, the server states the effects and asks for a confirmation.",
        "proxmox_api_call",
        {"path": f"/nodes/*/qemu/{GUEST}", "method": "DELETE"},
        ("- destroy:", GUEST, "Nothing was sent", "confirm:"),
        fails=True,
    ),
    TourStep(
        "Several writes are one plan: checked, stated and carried out together.",
        "proxmox_api_plan",
        {
            "steps": [
                {"method": "POST", "path": "/nodes/*/guests/*/snapshot", "data": {"snapname": "before-update"}},
            ],
            "filter": "name~stage-",
        },
        ("plan 1", "done"),
    ),
    TourStep(
        "Undo the change of the memory: the values from before it, checked and sent like any other call.",
        "proxmox_api_plan",
        {"undo": "1"},
        ("cores: 6 → 4", "memory: 12288 → 8192", 'undo="plan 2"'),
    ),
    TourStep(
        "What the policy reserves for people waits in the console.",
        "proxmox_api_call",
        {"path": "/nodes/pve3/status", "method": "POST", "data": {"command": "reboot"}},
        ("pve3", "A person must approve this", "Nothing was sent"),
        fails=True,
    ),
)


async def run_tour(url: str) -> AsyncIterator[StepResult]:
    """Run the tour on a server, step by step. Raises what the client raises if the server is unreachable."""
    async with Client(sse_client(url), mode="legacy") as client:
        listed = await client.list_tools()
        names = [tool.name for tool in listed.tools]
        yield StepResult(
            TourStep("A client connects over SSE and lists the tools.", "tools/list"),
            "\n".join(f"{tool.name}: {tool.description}" for tool in listed.tools),
            tuple({step.tool for step in STEPS} - set(names)),
        )
        for step in STEPS:
            result = await client.call_tool(step.tool, dict(step.arguments))
            output = "\n".join(getattr(part, "text", "") for part in result.content)
            missing = [text for text in step.expects if text not in output]
            if result.is_error is not step.fails:
                missing.append("an error" if step.fails else "a success")
            yield StepResult(step, output, tuple(missing))
