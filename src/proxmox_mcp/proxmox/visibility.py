"""Why a list is empty: Proxmox answers 200 and leaves out what the identity may not see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxmox_mcp.proxmox.permissions import Missing

if TYPE_CHECKING:
    from proxmox_mcp.proxmox.permissions import Permissions

# Endpoint templates, and what shows a member of their list: the object path above it, and privileges (any will do).
# Sources: the ``index`` methods of PVE::API2::{Qemu,LXC,Cluster,Nodes,Storage::*,Pool,User,Group,AccessControl,Backup}.
_SHOWN_BY: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"/nodes/\{node\}/(qemu|lxc)", "/vms", ("VM.Audit",)),
    (r"/nodes/\{node\}/storage", "/storage", ("Datastore.Audit", "Datastore.AllocateSpace")),
    (r"/nodes/\{node\}/storage/\{storage\}/content", "/storage", ("Datastore.Audit", "Datastore.AllocateSpace")),
    (r"/storage", "/storage", ("Datastore.Audit", "Datastore.AllocateSpace")),
    (r"/pools", "/pool", ("Pool.Audit",)),
    (r"/access/users", "/access/groups", ("User.Modify", "Sys.Audit")),
    (r"/access/groups", "/access/groups", ("User.Modify", "Sys.Audit", "Group.Allocate")),
    (r"/access/acl", "/", ("Sys.Audit", "Permissions.Modify")),
    (r"/nodes/\{node\}/tasks|/cluster/tasks|/cluster/log", "/nodes", ("Sys.Audit", "Sys.Syslog")),
    (r"/cluster/backup", "/", ("Sys.Audit",)),
    (r"/cluster/backup-info/not-backed-up", "/vms", ("VM.Audit",)),
    (r"/cluster/replication|/nodes/\{node\}/replication", "/vms", ("VM.Audit",)),
    (r"/cluster/mapping/(pci|usb|dir)", "/mapping", ("Mapping.Audit", "Mapping.Use", "Mapping.Modify")),
    (r"/cluster/sdn/(zones|vnets)|/nodes/\{node\}/sdn/zones", "/sdn", ("SDN.Audit", "SDN.Allocate")),
)
_ANYTHING = re.compile(r"/cluster/resources")


def hidden(template: str, permissions: Permissions) -> Missing | None:
    """What the identity lacks to see anything in an endpoint's list; None if an empty list means that there is nothing.

    ``template`` is an endpoint's path, such as ``/nodes/{node}/qemu``.
    """
    if _ANYTHING.fullmatch(template):
        shown = ("VM.Audit", "Datastore.Audit", "Sys.Audit", "Pool.Audit", "SDN.Audit")
        return (
            None
            if any(set(shown) & held.keys() for held in permissions.held.values())
            else Missing("/", shown, any_of=True)
        )
    for pattern, above, privileges in _SHOWN_BY:
        if re.fullmatch(pattern, template):
            return (
                None if permissions.below(above, privileges) else Missing(above, privileges, any_of=len(privileges) > 1)
            )
    return None
