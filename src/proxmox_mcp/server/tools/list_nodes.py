"""``list_nodes``: the nodes of a cluster, of every cluster where several are configured and none is named."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from proxmox_mcp.gateway.answers import off_the_loop
from proxmox_mcp.render import nodes_table, nodes_with_guests
from proxmox_mcp.server.tools.each_cluster import RESOURCES, a_node, are_records, each_cluster, records_of
from proxmox_mcp.server.tools.tool import ALSO_RAW, Tool, ToolCall

if TYPE_CHECKING:
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.render import Redact

_AT_ONCE = 2_000
"""Guests and other resources that are counted in 1 ms, which is not worth the way to a thread and back (0.3 ms)."""


async def _run(call: ToolCall) -> str:
    # Of ten thousand guests only their number is told: no secret is looked for in the rest.
    request = call.request(RESOURCES, reduce=_nodes_of, reduced_at_once=_AT_ONCE)

    async def table(cluster: Cluster, answer: Any) -> str:
        records = records_of(answer)
        clock = await cluster.time.clock(a_node(records))
        version = (await cluster.schema.current()).node_version
        last = f"\n{f'Proxmox VE {version} (the node that answered), ' if version else ''}now {clock.present}"
        render = partial(nodes_table, view=request.view, budget=call.gateway.budget)
        return await off_the_loop(records, render, records) + last

    return await each_cluster(call.gateway, request, table)


def _nodes_of(answer: Any, _redact: Redact) -> Any:
    """An answer that is not what it should be stays as it is: it is refused where records are taken from it."""
    return nodes_with_guests(answer) if are_records(answer) else answer


TOOL = Tool("list_nodes", "Nodes: status, CPU, memory, disk, uptime, guests.", _run, {"raw": ALSO_RAW})
