"""Which calls hit more than they name, and how each is found out."""

# Tested through tests/gateway/test_reach.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from proxmox_mcp.apidoc.reviews import call_key
from proxmox_mcp.gateway.reach.backups import of_backup, of_prune
from proxmox_mcp.gateway.reach.configurations import behind_firewall, on_vnet, using_mapping
from proxmox_mcp.gateway.reach.found import GUESTS, GUESTS_ONLY, Reached, guests_reached
from proxmox_mcp.gateway.reach.positions import of_repository, of_rule, with_rule
from proxmox_mcp.gateway.reach.rights import losing, of_groups, of_rights
from proxmox_mcp.gateway.reach.storages import of_storage, on_ceph
from proxmox_mcp.policy.values import list_members

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.gateway.reach.found import Reader
    from proxmox_mcp.proxmox.inventory import Guest


async def reached(live: LiveState) -> Reached:
    """Empty for a call that hits no more than it names. Raises ProxmoxError where it can't be read.

    An identity that may not see all guests never lists all of them.
    """
    read = _READERS.get(call_key(live.call.method, live.call.template))
    if read is None:
        return Reached()
    found = await read(live)
    if "guest" in found.listed and not live.call.data.get("vms") and not await live.cluster.sees_all_guests():
        return replace(found, listed=found.listed - GUESTS)
    return found


def _on_node(fits: Callable[[Guest], bool], listed: frozenset[str] = GUESTS) -> Reader:
    """The guests of the node in the path, or of all nodes, for which the action makes a difference."""

    async def read(live: LiveState) -> Reached:
        if live.call.data.get("vms"):
            return Reached(listed=frozenset({"guest"}))
        node = live.call.path_params.get("node")
        resources = await live.resources()
        hit = (g for g in resources.guests if node in (None, g.node) and not g.template and fits(g))
        return guests_reached(hit, live, listed)

    return read


async def _of_ha_rule(live: LiveState) -> Reached:
    configuration = await live.configuration() or {}
    named = {member.rpartition(":")[2] for member in list_members(configuration.get("resources"))}
    resources = await live.resources()
    return guests_reached((guest for guest in resources.guests if str(guest.vmid) in named), live)


def _running(guest: Guest) -> bool:
    return guest.status != "stopped"


def _stopped(guest: Guest) -> bool:
    return guest.status != "running"


def _any(guest: Guest) -> bool:  # noqa: ARG001
    return True


_NETWORK_OF_NODE = _on_node(_running, GUESTS_ONLY)

_READERS: Mapping[str, Reader] = {
    "POST /nodes/{}/startall": _on_node(_stopped),
    "POST /nodes/{}/stopall": _on_node(_running),
    "POST /nodes/{}/suspendall": _on_node(_running),
    "POST /nodes/{}/migrateall": _on_node(_any),
    "POST /nodes/{}/status": _on_node(_running),
    "POST /cluster/bulk-action/guest/start": _on_node(_stopped),
    "POST /cluster/bulk-action/guest/shutdown": _on_node(_running),
    "POST /cluster/bulk-action/guest/suspend": _on_node(_running),
    "POST /cluster/bulk-action/guest/migrate": _on_node(_any),
    "POST /nodes/{}/vzdump": of_backup,
    "POST /cluster/backup": of_backup,
    "PUT /cluster/backup/{}": of_backup,
    "DELETE /cluster/backup/{}": of_backup,
    "DELETE /nodes/{}/storage/{}/prunebackups": of_prune,
    "PUT /storage/{}": of_storage,
    "DELETE /storage/{}": of_storage,
    **dict.fromkeys(("PUT /nodes/{}/ceph/pool/{}", "PUT /nodes/{}/ceph/pools/{}"), on_ceph("rbd", "pool", "data-pool")),
    "DELETE /nodes/{}/ceph/pool/{}": on_ceph("rbd", "pool", "data-pool"),
    "DELETE /nodes/{}/ceph/pools/{}": on_ceph("rbd", "pool", "data-pool"),
    "DELETE /nodes/{}/ceph/fs/{}": on_ceph("cephfs", "fs-name"),
    **{
        f"{method} /cluster/mapping/{kind}/{{}}": using_mapping(kind)
        for method in ("PUT", "DELETE")
        for kind in ("pci", "usb", "dir")
    },
    "PUT /nodes/{}/network": _NETWORK_OF_NODE,
    "PUT /nodes/{}/network/{}": _NETWORK_OF_NODE,
    "DELETE /nodes/{}/network/{}": _NETWORK_OF_NODE,
    "DELETE /cluster/sdn/vnets/{}": on_vnet,
    "PUT /cluster/sdn/vnets/{}/firewall/options": on_vnet,
    "POST /cluster/sdn/vnets/{}/firewall/rules": on_vnet,
    "PUT /cluster/sdn/vnets/{}/firewall/rules/{}": with_rule(on_vnet),
    "DELETE /cluster/sdn/vnets/{}/firewall/rules/{}": on_vnet,
    "PUT /cluster/firewall/options": behind_firewall,
    "POST /cluster/firewall/groups/{}": behind_firewall,
    "PUT /cluster/firewall/groups/{}/{}": with_rule(behind_firewall),
    **{
        f"PUT {of}/firewall/rules/{{}}": of_rule
        for of in ("/cluster", "/nodes/{}", "/nodes/{}/qemu/{}", "/nodes/{}/lxc/{}")
    },
    "DELETE /cluster/firewall/groups/{}/{}": behind_firewall,
    "DELETE /cluster/firewall/groups/{}": behind_firewall,
    "POST /cluster/firewall/ipset/{}": behind_firewall,
    "DELETE /cluster/firewall/ipset/{}/{}": behind_firewall,
    "DELETE /cluster/firewall/ipset/{}": behind_firewall,
    "PUT /cluster/firewall/aliases/{}": behind_firewall,
    "DELETE /cluster/firewall/aliases/{}": behind_firewall,
    "PUT /cluster/ha/rules/{}": _of_ha_rule,
    "DELETE /cluster/ha/rules/{}": _of_ha_rule,
    "POST /nodes/{}/apt/repositories": of_repository,
    "PUT /access/acl": of_rights,
    "POST /access/users": of_groups,
    "PUT /access/users/{}": of_groups,
    "DELETE /access/groups/{}": losing("groupid", "group"),
    "DELETE /access/users/{}": losing("userid", "user"),
    "DELETE /access/roles/{}": losing("roleid", "role"),
    "PUT /access/roles/{}": losing("roleid", "role"),
}
