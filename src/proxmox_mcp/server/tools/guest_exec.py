"""``guest_exec``: a command in a VM or a container. Listed only where the operator switched it on."""

# Tested through tests/guests/test_through_the_gateway.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.gateway.guest_command import READY, work_of
from proxmox_mcp.guests import MAX_INPUT, MAX_TIMEOUT
from proxmox_mcp.server.tools.tool import Tool, ToolParameter

if TYPE_CHECKING:
    from proxmox_mcp.server.tools.tool import ToolCall


async def _run(call: ToolCall) -> str:
    given = call.arguments
    request = call.request("/guest", method="POST", confirm=given.get("confirm", ""))
    result = await call.gateway.run_command(request, given["guest"].strip(), work_of(given), call.client)
    return "\n".join((result.told, *result.notes))


TOOL = Tool(
    "guest_exec",
    "Run a command in a guest.",
    _run,
    {
        "guest": ToolParameter("string", "id or name", required=True, max_length=256),
        "command": ToolParameter("strings", 'or a shell text: ["df -h | sort"]', required=True),
        "input": ToolParameter("string", "stdin", max_length=MAX_INPUT),
        "timeout": ToolParameter("integer", f"seconds, max {MAX_TIMEOUT}"),
        "wait_for": ToolParameter("string", "if it is starting", enum=(READY,)),
        "confirm": ToolParameter("string", ""),
    },
    reads_only=False,
)
