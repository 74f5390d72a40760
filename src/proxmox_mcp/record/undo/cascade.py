"""What goes with a guest that is deleted: read before it, and told with it. Nothing brings it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.record.undo.model import ACL, Get, filled, is_on, listed, rows
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.record.undo.model import State

_BACKUPS, _HA, _REPLICATION = Get("/cluster/backup"), Get("/cluster/ha/resources"), Get("/cluster/replication")
_SIDS = {"qemu": "vm", "lxc": "ct"}


def cascade(call: Call) -> tuple[Get, ...]:
    """Where the rights on a guest, its place in jobs and in high availability, and its firewall are read, once its
    deletion is about to be sent. Empty for any other call."""
    guest = _deleted(call)
    return (ACL, _BACKUPS, _HA, _REPLICATION, _rules(call, *guest)) if guest else ()


def gone_with(call: Call, before: State) -> tuple[str, ...]:
    """In words what of that has gone with the guest."""
    guest = _deleted(call)
    return tuple(_gone(call, *guest, before)) if guest else ()


def _gone(call: Call, kind: str, vmid: str, before: State) -> Iterator[str]:
    for entry in rows(before, ACL) or ():
        if entry.get("path") == f"/vms/{vmid}":
            yield f"right {_named(entry, 'roleid')} of {_named(entry, 'ugid')} on /vms/{vmid}"
    if rules := rows(before, _rules(call, kind, vmid)):
        yield f"{len(rules)} firewall rule{'s' if len(rules) > 1 else ''}"
    if not is_on(call.data.get("purge")):
        return  # Jobs keep its number, and Proxmox refuses where it is in HA or is replicated.
    for job in rows(before, _BACKUPS) or ():
        if vmid in listed(job.get("vmid")):
            yield f"place in the backup job {_named(job, 'id')}"
    for resource in rows(before, _HA) or ():
        if resource.get("sid") == f"{_SIDS.get(kind)}:{vmid}":
            yield f"HA resource {_named(resource, 'sid')} (state {_named(resource, 'state')})"
    for job in rows(before, _REPLICATION) or ():
        if str(job.get("guest")) == vmid:
            yield f"replication job {_named(job, 'id')} to {_named(job, 'target')}"


def _deleted(call: Call) -> tuple[str, str] | None:
    """Kind and number of the guest that a call deletes."""
    return call.path.guest if call.method == "DELETE" and len(call.path.segments) == 4 else None


def _rules(call: Call, kind: str, vmid: str) -> Get:
    return Get(filled(f"/nodes/{{}}/{kind}/{{}}/firewall/rules", call.path.segments[1], vmid))


def _named(row: dict[str, Any], name: str) -> str:
    return shown(str(row.get(name, "")))
