"""``get_cluster_resources``: guests, storages, nodes and pools as a table, or what is wrong with them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from proxmox_mcp.errors import ViewError
from proxmox_mcp.gateway.answers import off_the_loop
from proxmox_mcp.gateway.suggestions import unseen_in
from proxmox_mcp.render import WHOLE, resources_table
from proxmox_mcp.server.tools.each_cluster import (
    RESOURCES,
    Records,
    a_node,
    are_records,
    each_cluster,
    records_of,
    tell_each,
)
from proxmox_mcp.server.tools.tool import ALSO_RAW, CURSOR, FIELDS, FILTER, LIMIT, Tool, ToolCall, ToolParameter

if TYPE_CHECKING:
    from collections.abc import Collection

    from proxmox_mcp.gateway import Request
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.render import Redact

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
_PROBLEMS = "problems"


async def _run(call: ToolCall) -> str:
    """Raises ViewError for an unknown type, field or filter."""
    request = call.request(RESOURCES)
    type_ = call.arguments.get("type", "all")
    if type_ == _PROBLEMS:
        return await _problems(call, request)

    kinds, template = _KINDS[type_]
    view, budget = request.view, call.gateway.budget

    def page(answer: Any, redact: Redact) -> Any:
        """The page, which holds few of thousands of records: no secret is looked for in the others.

        What gives no page stays as it is; and a view that the records don't allow is refused when the call is done.
        """
        if not are_records(answer) or not _hold_any(answer, kinds):
            return answer
        try:
            return resources_table(answer, type_, view, budget=budget, redact=redact)
        except ViewError as refused:
            return refused

    async def table(cluster: Cluster, answer: Any) -> str:
        if isinstance(answer, str):
            return answer
        if isinstance(answer, ViewError):
            raise answer
        records = records_of(answer)
        clock = await cluster.time.clock(a_node(records)) if view.names_a_date else None
        render = partial(resources_table, budget=budget, clock=clock)
        text = await off_the_loop(records, render, records, type_, view)
        if _hold_any(records, kinds):
            return text
        return "\n".join(filter(None, (text, await unseen_in(template, cluster))))

    # A filter would tell what a secret is: it is for records that were looked through.
    return await each_cluster(call.gateway, request if view.conditions else replace(request, reduce=page), table)


def _hold_any(records: Records, kinds: Collection[str]) -> bool:
    return any(record.get("type") in kinds for record in records)


async def _problems(call: ToolCall, request: Request) -> str:
    # Imported with the first of these calls: its checks have a dozen modules that no other call needs.
    from proxmox_mcp.gateway.problems import problems_of, problems_text

    if request.view != WHOLE:
        raise ViewError("type=problems takes no filter, fields, limit, cursor or raw.", "It is one short report.")

    async def tell(one: Request) -> str:
        clock, report = await problems_of(call.gateway, one)
        return problems_text(report, clock)

    return await tell_each(call.gateway, request, tell)


TOOL = Tool(
    "get_cluster_resources",
    "Lists guests, storages, nodes, pools, or problems.",
    _run,
    {
        "type": ToolParameter("string", "default all", enum=(*_KINDS, _PROBLEMS)),
        "filter": FILTER,
        "fields": FIELDS,
        "limit": LIMIT,
        "cursor": CURSOR,
        "raw": ALSO_RAW,
    },
)
