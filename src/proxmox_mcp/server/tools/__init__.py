"""The tools, one module each: specification, arguments and code together.

A new tool is a module with a ``TOOL``, and a line in ``TOOLS``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.server.tools import api_call, api_get, api_plan, cluster_resources, guest_exec, list_nodes, search_api
from proxmox_mcp.server.tools.arguments import read
from proxmox_mcp.server.tools.tool import Tool, ToolCall, ToolParameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.policy.caller import Caller

__all__ = ["TOOLS", "Tool", "ToolCall", "ToolParameter", "read", "search_api", "select_tools", "tools_for"]

TOOLS: Sequence[Tool] = (
    search_api.TOOL,
    api_get.TOOL,
    api_call.TOOL,
    api_plan.TOOL,
    list_nodes.TOOL,
    cluster_resources.TOOL,
)
"""In the order in which clients list them."""


def tools_for(caller: Caller, gateway: Gateway) -> Mapping[str, Tool]:
    """The tools that a caller may use, by name."""
    several = len(gateway.clusters) > 1
    clusters = [name for name in gateway.clusters if caller.may_use(name)] if several else []
    writes = gateway.guard.policy.effective_mode(caller) is not Mode.READ_ONLY
    return select_tools(writes=writes, clusters=clusters, guest_commands=gateway.guest_commands)


def select_tools(*, writes: bool, clusters: Sequence[str] = (), guest_commands: bool = False) -> Mapping[str, Tool]:
    """The tools by name: only those that read where ``writes`` is false; with ``cluster`` where there are several.

    ``guest_commands``: also the one that runs commands in guests, which an operator must switch on. Plans then take
    commands too.
    """
    chosen = [tool for tool in TOOLS if tool.reads_only or writes]
    if writes and guest_commands:
        chosen = [api_plan.WITH_COMMANDS if tool is api_plan.TOOL else tool for tool in chosen]
        chosen.append(guest_exec.TOOL)
    if len(clusters) > 1:
        chosen = [tool.with_clusters(clusters) for tool in chosen]
    return {tool.name: tool for tool in chosen}
