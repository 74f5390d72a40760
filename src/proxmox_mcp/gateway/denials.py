"""After a refusal for want of rights: what the schema says is missing, where Proxmox itself does not say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.errors import PermissionDeniedError, ProxmoxError
from proxmox_mcp.proxmox.grants import grant_lines
from proxmox_mcp.proxmox.inventory import listed

if TYPE_CHECKING:
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.proxmox.permissions import Rights

_CREATE = "VM.Allocate"
_CREATES = frozenset(f"/nodes/{{node}}/{tail}" for tail in ("qemu", "lxc", "qemu/{vmid}/clone", "lxc/{vmid}/clone"))
"""Where a guest is created: ``PVE::API2::Qemu`` and ``LXC`` ask for VM.Allocate on the new guest, or on the pool that
``pool`` names, and answer a bare "Permission check failed" where neither is there."""


async def missing_rights(error: ProxmoxError, call: Call, cluster: Cluster) -> str:
    """What is missing and how to grant it, or the pool in which the call may do it; empty where Proxmox said it, or
    where nothing is known."""
    if not isinstance(error, PermissionDeniedError) or call.endpoint is None:
        return ""
    rights = await cluster.permissions.rights()
    if rights is None or rights.unlimited:
        return ""
    bare = "(" not in error.message
    creates = call.method == "POST" and call.template in _CREATES
    if creates and (bare or _CREATE in error.message):
        return _to_create(rights, call, cluster)
    return _by_the_schema(rights, call, cluster) if bare else ""


def _to_create(rights: Rights, call: Call, cluster: Cluster) -> str:
    data = call.data
    new = str(data.get("newid") or data.get("vmid") or "")
    guest = f"/vms/{new}" if new else "/vms"
    pool = str(data.get("pool") or "")
    if _CREATE in rights.permissions.at(guest) or (pool and _CREATE in rights.permissions.at(f"/pool/{pool}")):
        return _by_the_schema(rights, call, cluster)
    if not pool and (pools := _pools_to_create_in(rights)):
        return (
            f"{rights.identity} may create guests in a pool only: repeat the call with pool={pools[0]}."
            + (f" It has {_CREATE} on the pools {listed(pools)}." if len(pools) > 1 else "")
        )  # fmt: skip
    return grant_lines(cluster.pve.connection, f"/pool/{pool}" if pool else guest, [_CREATE])


def _pools_to_create_in(rights: Rights) -> list[str]:
    held = rights.permissions.held
    return sorted(path.removeprefix("/pool/") for path in held if path.startswith("/pool/") and _CREATE in held[path])


def _by_the_schema(rights: Rights, call: Call, cluster: Cluster) -> str:
    assert call.endpoint is not None  # noqa: S101 - the caller has looked
    access = rights.access(call.endpoint, {**call.path_params, **call.data})
    if access.verdict == "denied" and access.missing:
        connection = cluster.pve.connection
        return " ".join(
            grant_lines(connection, each.path, each.privileges, any_of=each.any_of) for each in access.missing
        )
    if access.verdict == "denied" and access.reason:
        return f"Proxmox refuses this to {rights.identity}: {access.reason}."
    return (
        f"By the schema {rights.identity} may make this call, but the node's code asks for more and does not say what. "
        f"The description of {call.method} {call.template} may name it (search_api); GET /access/permissions shows "
        "what this identity has."
    )
