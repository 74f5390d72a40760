"""A table made from ``/cluster/resources``: of one cluster, or of each cluster under its name."""

# Tested through tests/server/tools/test_list_nodes.py and tests/server/tools/test_cluster_resources.py.

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio
from msgspec.structs import replace

from proxmox_mcp.errors import AnswerError, ProxmoxMcpError

if TYPE_CHECKING:
    from proxmox_mcp.gateway import Gateway, Request
    from proxmox_mcp.gateway.cluster import Cluster

Records = list[dict[str, object]]
Table = Callable[["Cluster", Any], Awaitable[str]]
Tell = Callable[["Request"], Awaitable[str]]

RESOURCES = "/cluster/resources"
_PATIENCE, _PATIENCE_WITH_THE_DEAD = 8.0, 2.0
"""Seconds that a cluster has to answer where others are listed beside it; the second where it didn't answer last."""


async def each_cluster(gateway: Gateway, request: Request, table: Table) -> str:
    """The table of the cluster that the request names; of every cluster, side by side, where it names none."""

    async def tell(one: Request) -> str:
        cluster, answer = await gateway.read(one)
        return await table(cluster, answer)

    return await tell_each(gateway, request, tell)


async def tell_each(gateway: Gateway, request: Request, tell: Tell) -> str:
    """What ``tell`` says of the cluster that the request names; of every cluster, side by side, where it names none."""
    if request.cluster or len(gateway.clusters) == 1:
        return await tell(request)
    return await _side_by_side(gateway, request, tell)


def a_node(records: Records) -> str:
    """A node that is up; empty if all are down."""
    nodes = (each for each in records if each.get("type") == "node" and each.get("status") == "online")
    return next((str(each.get("node", "")) for each in nodes), "")


def are_records(answer: Any) -> bool:
    """Whether an answer is a list of objects."""
    return isinstance(answer, list) and set(map(type, answer)) <= {dict}


def records_of(answer: Any) -> Records:
    """What ``/cluster/resources`` answered. Raises AnswerError where that is not a list of objects."""
    if not are_records(answer):
        raise AnswerError(
            f"The node answered {RESOURCES} with something other than a list of resources.",
            "Something between here and Proxmox may answer in its place: set PROXMOX_HOST to the node itself.",
        )
    found: Records = answer
    return found


async def _side_by_side(gateway: Gateway, request: Request, tell: Tell) -> str:
    """Each cluster under its name; one that doesn't answer says so and delays none of the others for long."""
    texts: dict[str, str] = {}

    async def ask(cluster: Cluster) -> None:
        patience = _PATIENCE if cluster.pve.state().in_use else _PATIENCE_WITH_THE_DEAD
        texts[cluster.name] = f"(unavailable: no answer within {patience:g} s; name it in `cluster` to wait longer)"
        try:
            with anyio.move_on_after(patience):
                texts[cluster.name] = await tell(replace(request, cluster=cluster.name))
        except ProxmoxMcpError as error:
            texts[cluster.name] = f"(unavailable: {error.message})"

    async with anyio.create_task_group() as group:
        for name, cluster in gateway.clusters.items():
            if request.caller.may_use(name):
                group.start_soon(ask, cluster)
    return "\n\n".join(f"cluster {name}\n{texts[name]}" for name in gateway.clusters if name in texts)
