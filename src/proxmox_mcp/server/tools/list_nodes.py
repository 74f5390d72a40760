"""``list_nodes``: the nodes of a cluster, of every cluster where several are configured and none is named."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from proxmox_mcp.gateway.working import off_the_loop
from proxmox_mcp.render import nodes_table
from proxmox_mcp.server.tools.each_cluster import RESOURCES, Records, a_node, each_cluster
from proxmox_mcp.server.tools.tool import ALSO_RAW, Tool, ToolCall

if TYPE_CHECKING:
    from proxmox_mcp.gateway.cluster import Cluster


async def _run(call: ToolCall) -> str:
    request = call.request(RESOURCES)

    async def table(cluster: Cluster, records: Records) -> str:
        clock = await cluster.time.clock(a_node(records))
        version = (await cluster.schema.current()).node_version
        last = f"\n{f'Proxmox VE {version} (the node that answered), ' if version else ''}now {clock.present}"
        render = partial(nodes_table, view=request.view, budget=call.gateway.budget)
        return await off_the_loop(records, render, records) + last

    return await each_cluster(call.gateway, request, table)


TOOL = Tool("list_nodes", "Nodes: status, CPU, memory, disk, uptime, guests.", _run, {"raw": ALSO_RAW})
