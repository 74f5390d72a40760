"""What is written and takes effect only when another call applies it: the network of a node, and SDN.

Such a write succeeds at once and lists like what is in force, so a reader would take it for done.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxmox_mcp.policy.call import Call

_NETWORK = "/nodes/{node}/network"
_INTERFACES = frozenset({("POST", _NETWORK), *((method, f"{_NETWORK}/{{iface}}") for method in ("PUT", "DELETE"))})
"""They write ``/etc/network/interfaces.new`` (``PVE::API2::Network``)."""
_SDN = re.compile(r"/cluster/sdn/(?:zones|vnets|controllers|fabrics)(?!/\{vnet\}/(?:firewall|ips)\b)(?:/.*)?")
"""What ``PVE::Network::SDN::commit_config`` takes over; rules and addresses of a network are in force at once."""


def applied_by(call: Call) -> str:
    """The call that puts a write in force, such as ``PUT /nodes/pve1/network``; empty where it is in force at once."""
    if (call.method, call.template) in _INTERFACES:
        return f"PUT /nodes/{call.path_params['node']}/network"
    return "PUT /cluster/sdn" if call.method != "GET" and _SDN.fullmatch(call.template) else ""


def pending_changes(call: Call, changes: bool) -> tuple[str, ...]:
    """The note below the interfaces of a node of which some are not in force (``changes`` beside the data)."""
    if not changes or call.template != _NETWORK:
        return ()
    network = f"/nodes/{call.path_params['node']}/network"
    return (f"Not all of this is in force: PUT {network} applies what was changed, DELETE {network} discards it.",)
