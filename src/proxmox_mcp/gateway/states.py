"""The state of things as records of changes hold it: what GETs answer, read at the same time, secrets taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.errors import FailedError, ParametersError, ProxmoxError
from proxmox_mcp.gateway.answers import off_the_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.record.redaction import Redactor
    from proxmox_mcp.record.undo import Get


async def read_states(
    gets: Iterable[Get], ask: Callable[[Get], Awaitable[Any]], index: EndpointIndex, redactor: Redactor
) -> dict[Get, Any]:
    """What GETs answer; None where there is no such thing. What can't be read is left out."""
    found: dict[Get, Any] = {}

    async def read(get: Get) -> None:
        try:
            answer = await ask(get)
        except (FailedError, ParametersError):
            found[get] = None
        except ProxmoxError:
            return
        else:
            endpoint = index.resolve("GET", get.path)
            found[get] = await off_the_loop(answer, redactor.data, answer, endpoint.path if endpoint else "")

    async with anyio.create_task_group() as group:
        for get in gets:
            group.start_soon(read, get)
    return found


def asking(cluster: Cluster, within: float) -> Callable[[Get], Awaitable[Any]]:
    """Asks the cluster as it is now; each GET has these many seconds."""
    return lambda get: cluster.pve.get(get.path, dict([*get.query]) or None, deadline=within)
