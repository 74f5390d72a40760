"""``get_cluster_resources``: guests, storages, nodes and pools as a table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from proxmox_mcp.gateway.suggestions import unseen_in
from proxmox_mcp.gateway.working import off_the_loop
from proxmox_mcp.render import resources_table
from proxmox_mcp.server.tools.each_cluster import RESOURCES, Records, each_cluster
from proxmox_mcp.server.tools.tool import CURSOR, FIELDS, FILTER, LIMIT, Parameter, Tool, ToolCall

if TYPE_CHECKING:
    from proxmox_mcp.gateway.cluster import Cluster

_GUESTS = "/nodes/{node}/qemu"
_KINDS = {
    "all": (frozenset({"qemu", "lxc", "storage", "pool"}), RESOURCES),
    "vm": (frozenset({"qemu", "lxc"}), _GUESTS),
    "qemu": (frozenset({"qemu"}), _GUESTS),
    "lxc": (frozenset({"lxc"}), _GUESTS),
    "storage": (frozenset({"storage"}), "/storage"),
    "node": (frozenset({"node"}), RESOURCES),
    "pool": (frozenset({"pool"}), "/pools"),
}
"""For each type its records, and an endpoint that lists them: who may see that endpoint's records may see these."""


async def _run(call: ToolCall) -> str:
    """Raises ViewError for an unknown type, field or filter."""
    request = call.request(RESOURCES)
    type_ = call.arguments.get("type", "all")

    async def table(cluster: Cluster, records: Records) -> str:
        render = partial(resources_table, budget=call.gateway.budget)
        text = await off_the_loop(records, render, records, type_, request.view)
        kinds, template = _KINDS[type_]
        if any(record.get("type") in kinds for record in records):
            return text
        return "\n".join(filter(None, (text, await unseen_in(template, cluster))))

    return await each_cluster(call.gateway, request, table)


TOOL = Tool(
    "get_cluster_resources",
    "Guests, storages, nodes and pools as a table.",
    _run,
    {
        "type": Parameter("string", "default all", enum=tuple(_KINDS)),
        "filter": FILTER,
        "fields": FIELDS,
        "limit": LIMIT,
        "cursor": CURSOR,
    },
)
