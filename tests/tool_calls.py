"""A tool run over a gateway of the test's own, without a transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.policy.caller import LOCAL
from proxmox_mcp.server.request_id import request_id
from proxmox_mcp.server.tools import TOOLS, ToolCall

if TYPE_CHECKING:
    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.policy.caller import Caller


async def run_tool(gateway: Gateway, name: str, *, caller: Caller = LOCAL, **arguments: Any) -> str:
    """What a model reads of a tool; ``arguments`` as the server has read them. Raises ProxmoxMcpError."""
    (tool,) = (tool for tool in TOOLS if tool.name == name)
    return await tool.run(ToolCall(name, gateway, arguments, caller, id=request_id()))
