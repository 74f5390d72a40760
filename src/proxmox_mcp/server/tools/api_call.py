"""``proxmox_api_call``: any call of the API, also those that write."""

from __future__ import annotations

from proxmox_mcp.apidoc import METHODS
from proxmox_mcp.server.tools.tool import PATH, Tool, ToolCall, ToolParameter


async def _run(call: ToolCall) -> str:
    given = call.arguments
    request = call.request(
        given["path"],
        method=given["method"],
        wait=given.get("wait"),
        dry_run=given.get("dry_run", False),
        confirm=given.get("confirm", ""),
    )
    return await call.gateway.call(request, call.client)


TOOL = Tool(
    "proxmox_api_call",
    "Make any API call; checked first, a task it starts is followed to its end.",
    _run,
    {
        "path": PATH,
        "method": ToolParameter("string", "HTTP method", required=True, enum=METHODS),
        "data": ToolParameter("object", "parameters"),
        "wait": ToolParameter("integer", "seconds to follow the task, 0: not at all"),
        "dry_run": ToolParameter("boolean", "only say what would be sent, and its effects"),
        "confirm": ToolParameter("string", "token or number, from the call before"),
    },
    reads_only=False,
)
