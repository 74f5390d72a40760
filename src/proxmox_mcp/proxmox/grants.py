"""The ``pveum`` lines that grant a privilege, by the built-in roles of ``PVE::AccessControl``."""

# Tested through tests/proxmox/test_errors.py.

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.proxmox.connection import Connection

_SMALLEST_ROLES: tuple[tuple[str, frozenset[str]], ...] = (
    ("PVEAuditor", frozenset({"VM.Audit", "Sys.Audit", "Datastore.Audit", "SDN.Audit", "Mapping.Audit", "Pool.Audit"})),
    ("PVEDatastoreUser", frozenset({"Datastore.Audit", "Datastore.AllocateSpace"})),
    ("PVETemplateUser", frozenset({"VM.Audit", "VM.Clone"})),
    ("PVESDNUser", frozenset({"SDN.Audit", "SDN.Use"})),
    ("PVEMappingUser", frozenset({"Mapping.Audit", "Mapping.Use"})),
    (
        "PVEVMUser",
        frozenset({"VM.Audit", "VM.Backup", "VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Console", "VM.PowerMgmt"}),
    ),
    (
        "PVEDatastoreAdmin",
        frozenset({f"Datastore.{p}" for p in ("Audit", "AllocateSpace", "Allocate", "AllocateTemplate")}),
    ),
    ("PVESDNAdmin", frozenset({"SDN.Audit", "SDN.Use", "SDN.Allocate"})),
    ("PVEMappingAdmin", frozenset({"Mapping.Audit", "Mapping.Use", "Mapping.Modify"})),
    ("PVEPoolAdmin", frozenset({"Pool.Audit", "Pool.Allocate"})),
    ("PVESysAdmin", frozenset({"Sys.Audit", "Sys.Console", "Sys.Syslog"})),
    ("PVEUserAdmin", frozenset({"User.Modify", "Group.Allocate", "Realm.AllocateUser"})),
)


def role_for(privileges: Sequence[str]) -> str:
    """The smallest built-in role that holds the privileges; empty where only ``Administrator`` does."""
    for role, held in _SMALLEST_ROLES:
        if held.issuperset(privileges):
            return role
    if all(p.startswith("VM.") for p in privileges):
        return "PVEVMAdmin"
    return ""


def grant_lines(connection: Connection, path: str, privileges: Sequence[str], *, any_of: bool = False) -> str:
    """What is missing on an object path, and the commands to run as root on a node to grant it."""
    missing = (" or " if any_of else " and ").join(privileges)
    wanted = list(privileges[:1]) if any_of else list(privileges)
    role = role_for(wanted)
    made = ""
    if not role:
        role = "Mcp" + re.sub(r"\W", "", wanted[0])
        made = f"pveum role add {role} --privs {','.join(wanted)} && "
    who = connection.identity
    if not connection.token:
        line = f"{made}pveum acl modify {path} --users {who} --roles {role}"
        return f"{who} lacks {missing} on {path}. As root on a node: `{line}`."
    line = f"{made}pveum acl modify {path} --tokens '{who}' --roles {role}"
    if connection.user == "root@pam":
        return (
            f"The token {who} lacks {missing} on {path}: it has privilege separation, since root@pam may do all. "
            f"As root on a node: `{line}`, or for all of root's privileges "
            f"`pveum user token modify root@pam {connection.token} --privsep 0`."
        )
    return (
        f"The token {who} lacks {missing} on {path}. As root on a node: `{line}`. "
        f"A token has at most what its user has: if {connection.user} lacks it too, the same with "
        f"`--users {connection.user}`. Without privilege separation "
        f"(`pveum user token list {connection.user}` shows privsep 0) only the user's permissions count."
    )
