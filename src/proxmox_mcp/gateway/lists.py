"""The two questions asked all day, each answered from one ``/cluster/resources``: the nodes, and what runs on them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.errors import AnswerError, ProxmoxMcpError
from proxmox_mcp.gateway.suggestions import unseen_in
from proxmox_mcp.gateway.working import off_the_loop
from proxmox_mcp.render import nodes_table, resources_table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.gateway import Gateway
    from proxmox_mcp.gateway.request import Request

    Records = list[dict[str, object]]
    Table = Callable[[Cluster, Records], Awaitable[str]]

RESOURCES = "/cluster/resources"
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
"""For each type its records, and an endpoint that lists them: what shows those is what shows these."""
_PATIENCE, _PATIENCE_WITH_THE_DEAD = 8.0, 2.0
"""Seconds that a cluster has to answer where others are listed beside it; the second where it didn't answer last."""


async def list_nodes(gateway: Gateway, call: Request) -> str:
    """The nodes of a cluster, of each where several are configured and none is named."""

    async def table(cluster: Cluster, records: Records) -> str:
        version = cluster.schema.current.node_version
        told = f"\nProxmox VE {version} (the node that answered)" if version else ""
        shown = partial(nodes_table, view=call.view, budget=gateway.budget)
        return await off_the_loop(records, shown, records) + told

    return await _of_all(gateway, call, table)


async def list_resources(gateway: Gateway, call: Request, type_: str) -> str:
    """Guests, storages, nodes and pools. Raises ViewError for a type, field or filter that is none."""

    async def table(cluster: Cluster, records: Records) -> str:
        shown = partial(resources_table, budget=gateway.budget)
        told = await off_the_loop(records, shown, records, type_, call.view)
        kinds, template = _KINDS[type_]
        if any(record.get("type") in kinds for record in records):
            return told
        return "\n".join(filter(None, (told, await unseen_in(template, cluster))))

    return await _of_all(gateway, call, table)


async def _of_all(gateway: Gateway, call: Request, table: Table) -> str:
    call = replace(call, path=RESOURCES)
    if call.cluster or len(gateway.clusters) == 1:
        cluster, answer = await gateway.read(call)
        return await table(cluster, _records(answer))
    return await _side_by_side(gateway, call, table)


def _records(answer: Any) -> Records:
    """What ``/cluster/resources`` answered. Raises AnswerError where that is no list of objects."""
    if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
        raise AnswerError(
            f"The node answered {RESOURCES} with something other than a list of resources.",
            "Something between here and Proxmox may answer in its place: set PROXMOX_HOST to the node itself.",
        )
    return answer


async def _side_by_side(gateway: Gateway, call: Request, table: Table) -> str:
    """Each cluster under its name; one that doesn't answer says so and holds nobody up."""
    told: dict[str, str] = {}

    async def ask(cluster: Cluster) -> None:
        patience = _PATIENCE if cluster.pve.state().in_use else _PATIENCE_WITH_THE_DEAD
        told[cluster.name] = f"(not to be had: no answer within {patience:g} s; name it in `cluster` to wait longer)"
        try:
            with anyio.move_on_after(patience):
                _, answer = await gateway.read(replace(call, cluster=cluster.name))
                told[cluster.name] = await table(cluster, _records(answer))
        except ProxmoxMcpError as error:
            told[cluster.name] = f"(not to be had: {error.message})"

    async with anyio.create_task_group() as group:
        for name, cluster in gateway.clusters.items():
            if call.caller.may_use(name):
                group.start_soon(ask, cluster)
    return "\n\n".join(f"cluster {name}\n{told[name]}" for name in gateway.clusters if name in told)
