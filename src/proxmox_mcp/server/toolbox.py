"""What each tool does: arguments in, text out, everything through the gateway."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from proxmox_mcp.errors import ViewError
from proxmox_mcp.gateway import Call, Gateway
from proxmox_mcp.gateway.finding import find
from proxmox_mcp.gateway.lists import list_nodes, list_resources
from proxmox_mcp.server.request_id import request_id
from proxmox_mcp.shape import View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.gateway import Client
    from proxmox_mcp.guard.caller import Caller

_PLACES = re.compile(r"places-(\d{1,7})(?:/(.+))?")


async def run(
    gateway: Gateway, tool: str, arguments: Mapping[str, Any], caller: Caller, client: Client, client_name: str = ""
) -> str:
    """Run a tool by name with arguments that were read. Raises ProxmoxMcpError."""
    cluster = arguments.get("cluster", "")
    if tool == "search_api":
        async with gateway.guard.limits.call(caller):
            return await find(
                gateway.clusters,
                caller,
                arguments["query"],
                arguments.get("method", ""),
                arguments.get("limit", 5),
                cluster,
            )
    view, places = _view(arguments)
    call = Call(
        tool=tool,
        path=arguments.get("path", ""),
        method=arguments.get("method", "GET"),
        data=arguments.get("data", {}),
        view=view,
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


def _view(arguments: Mapping[str, Any]) -> tuple[View, int]:
    """The view, and the place where a call that fans out goes on (``places-500``, ``places-500/12-3fa9``)."""
    cursor = str(arguments.get("cursor", "")).strip()
    places = 0
    if found := _PLACES.fullmatch(cursor):
        places, cursor = int(found[1]), found[2] or ""
    elif cursor.startswith("places-"):
        raise ViewError(f"cursor: `{cursor[:40]}` is none.", "Take it from the last lines of the result before.")
    view = View.of(arguments.get("fields"), arguments.get("filter"), arguments.get("limit"), cursor or None)
    return view, places
