"""The tour: a real MCP client over SSE finds an endpoint, is corrected, calls, and sees a guest start.

Each step is a call of a tool and what its answer must hold; the tour fails where one does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp import Client
from mcp.client.sse import sse_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

GUEST = "web-03"


@dataclass(frozen=True, slots=True)
class Step:
    """``says`` is told before the call; the answer holds all of ``expects``, and is an error only where ``fails``."""

    says: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    expects: tuple[str, ...] = ()
    fails: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A step with the answer that came, and what it lacks (nothing where all is well)."""

    step: Step
    answer: str
    lacks: tuple[str, ...]


STEPS = (
    Step("Which nodes are there, and how are they?", "list_nodes", expects=("pve1", "online", "all 3 nodes")),
    Step(
        "Find the call that starts a VM, in plain words.",
        "search_api",
        {"query": "power on a virtual machine", "limit": 2},
        ("POST /nodes/{node}/qemu/{vmid}/status/start",),
    ),
    Step(
        "A wrong call comes back with every fault and its cure; nothing is sent.",
        "proxmox_api_call",
        {
            "path": f"/nodes/*/qemu/{GUEST}/config",
            "method": "PUT",
            "data": {"memroy": 12288, "cores": "six", "net0": "virtio,brige=vmbr0"},
        },
        ("3 faults", "Did you mean memory?", "'six' is not an integer", "Did you mean bridge?"),
        fails=True,
    ),
    Step(
        "The call put right. The guest is named; its node is looked up.",
        "proxmox_api_call",
        {"path": f"/nodes/*/qemu/{GUEST}/config", "method": "PUT", "data": {"memory": 12288, "cores": 6}},
        ("/qemu/102/config",),
    ),
    Step(
        "Start it. The task is followed to its end.",
        "proxmox_api_call",
        {"path": f"/nodes/*/qemu/{GUEST}/status/start", "method": "POST"},
        ("Task qmstart of 102", "ended: OK"),
    ),
    Step(
        "Is it up, with its new memory?",
        "get_cluster_resources",
        {"type": "vm", "filter": "name~web-0"},
        (GUEST, "/12"),
    ),
    Step(
        "What would destroy is stated first, from the live state, and not done.",
        "proxmox_api_call",
        {"path": f"/nodes/*/qemu/{GUEST}", "method": "DELETE"},
        ("destroys", GUEST, "Nothing was sent", "confirm:"),
        fails=True,
    ),
)


async def take(url: str) -> AsyncIterator[Told]:
    """Take the tour on a server, step by step. Raises what the client raises where the server can't be reached."""
    async with Client(sse_client(url), mode="legacy") as client:
        listed = await client.list_tools()
        names = [tool.name for tool in listed.tools]
        yield Told(
            Step("A client connects over SSE and lists the tools.", "tools/list"),
            "\n".join(f"{tool.name}: {tool.description}" for tool in listed.tools),
            tuple({step.tool for step in STEPS} - set(names)),
        )
        for step in STEPS:
            result = await client.call_tool(step.tool, dict(step.arguments))
            answer = "\n".join(getattr(part, "text", "") for part in result.content)
            lacks = [text for text in step.expects if text not in answer]
            if result.is_error is not step.fails:
                lacks.append("an error" if step.fails else "a success")
            yield Told(step, answer, tuple(lacks))
