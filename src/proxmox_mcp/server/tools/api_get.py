"""``proxmox_api_get``: any call that only reads."""

from __future__ import annotations

from proxmox_mcp.server.tools.tool import CURSOR, FIELDS, FILTER, LIMIT, PATH, RAW, Tool, ToolCall, ToolParameter


async def _run(call: ToolCall) -> str:
    request = call.request(call.arguments["path"], wait=call.arguments.get("wait"), reads_only=True)
    return await call.gateway.call(request, call.client)


TOOL = Tool(
    "proxmox_api_get",
    "Read from the cluster (any GET that only reads).",
    _run,
    {
        "path": PATH,
        "data": ToolParameter("object", "query parameters"),
        "fields": FIELDS,
        "filter": FILTER,
        "limit": LIMIT,
        "cursor": CURSOR,
        "raw": RAW,
        "wait": ToolParameter("integer", "seconds to wait for a task's end"),
    },
)
