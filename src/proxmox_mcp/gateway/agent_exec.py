"""``agent/exec`` as a plain API call: it answers with the number of a process, whose result is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from proxmox_mcp.gateway.guest_command import digests, told
from proxmox_mcp.guests import GuestOnNode, result_within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.request import Client
    from proxmox_mcp.policy.call import Call

TEMPLATE = "/nodes/{node}/qemu/{vmid}/agent/exec"


@dataclass(frozen=True, slots=True)
class Ran:
    """A command in a VM: what it gave as ``text``, and what the audit log holds of it (empty while it runs)."""

    text: str
    digests: Mapping[str, Any]


async def result_of_process(call: Call, data: Any, seconds: float, cluster: Cluster, client: Client) -> Ran | None:
    """What a command gave that the call started; None for other calls. The client hears how long it has run.

    Raises GuestAnswerError where the agent does not give the result.
    """
    process = data.get("pid") if isinstance(data, dict) and call.template == TEMPLATE else None
    if not isinstance(process, int) or call.method != "POST":
        return None
    guest = GuestOnNode("qemu", int(call.path_params["vmid"]), call.path_params["node"])
    tell = partial(client.progress, None)
    result = await result_within(cluster.pve, guest, process, seconds, tell) if seconds > 0 else None
    if result is None:
        return Ran(
            f"The command runs in {guest} on {guest.node} as process {process}. Its result, which is given once: "
            f'GET {guest.path}/agent/exec-status data={{"pid": {process}}}',
            {},
        )
    return Ran(told(result, guest), digests(result))
