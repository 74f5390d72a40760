"""What each tool does: arguments in, text out, everything through the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.gateway import Gateway, Request
from proxmox_mcp.gateway.lists import list_nodes, list_resources
from proxmox_mcp.gateway.places import split_cursor
from proxmox_mcp.render import View
from proxmox_mcp.server.request_id import request_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.gateway import Client
    from proxmox_mcp.policy.caller import Caller


async def run(
    gateway: Gateway, tool: str, arguments: Mapping[str, Any], caller: Caller, client: Client, client_name: str = ""
) -> str:
    """Run a tool by name with arguments that were read. Raises ProxmoxMcpError."""
    cluster = arguments.get("cluster", "")
    if tool == "search_api":
        from proxmox_mcp.server.search_tool import find  # The search is loaded beside the start, not in it.

        async with gateway.admitted(caller):
            return await find(
                gateway.clusters,
                caller,
                arguments["query"],
                arguments.get("method", ""),
                arguments.get("limit", 5),
                cluster,
            )
    places, cursor = split_cursor(str(arguments.get("cursor", "")))
    call = Request(
        tool=tool,
        path=arguments.get("path", ""),
        method=arguments.get("method", "GET"),
        data=arguments.get("data", {}),
        view=View.of(arguments.get("fields"), arguments.get("filter"), arguments.get("limit"), cursor),
        places=places,
        wait=arguments.get("wait"),
        dry_run=arguments.get("dry_run", False),
        confirm=arguments.get("confirm", ""),
        reads_only=tool == "proxmox_api_get",
        cluster=cluster,
        caller=caller,
        client=client_name,
        id=request_id(),
    )
    if tool == "list_nodes":
        return await list_nodes(gateway, call)
    if tool == "get_cluster_resources":
        return await list_resources(gateway, call, arguments.get("type", "all"))
    return await gateway.call(call, client)
