"""Privileges and the roles that Proxmox brings along (``PVE::AccessControl``, 9.2)."""

# Tested through tests/demo/configuration/test_access.py and tests/demo/configuration/test_permissions.py.

from __future__ import annotations

_LEVELS: dict[str, tuple[str, str, str, str]] = {
    "VM": (
        "",
        (
            "VM.Allocate VM.Clone VM.Config.CPU VM.Config.Disk VM.Config.HWType VM.Config.Memory VM.Config.Network "
            "VM.Config.Options VM.GuestAgent.FileRead VM.GuestAgent.FileSystemMgmt VM.GuestAgent.FileWrite "
            "VM.GuestAgent.Unrestricted VM.Migrate VM.Replicate VM.Snapshot VM.Snapshot.Rollback"
        ),
        "VM.Backup VM.Config.CDROM VM.Config.Cloudinit VM.Console VM.PowerMgmt",
        "VM.Audit VM.GuestAgent.Audit",
    ),
    "Sys": ("Sys.AccessNetwork Sys.Incoming Sys.Modify Sys.PowerMgmt", "Sys.Console Sys.Syslog", "", "Sys.Audit"),
    "Datastore": ("", "Datastore.Allocate Datastore.AllocateTemplate", "Datastore.AllocateSpace", "Datastore.Audit"),
    "SDN": ("", "SDN.Allocate", "SDN.Use", "SDN.Audit"),
    "User": ("Realm.Allocate", "Group.Allocate Realm.AllocateUser User.Modify", "", ""),
    "Pool": ("", "Pool.Allocate", "", "Pool.Audit"),
    "Mapping": ("", "Mapping.Modify", "Mapping.Use", "Mapping.Audit"),
}
"""By category: what only Administrator has, what its Admin, its User and its auditor have."""

ADMINISTRATOR = "Administrator"
NO_ACCESS = "NoAccess"


def _special_roles() -> dict[str, frozenset[str]]:
    roles: dict[str, set[str]] = {ADMINISTRATOR: {"Permissions.Modify"}, NO_ACCESS: set(), "PVEAuditor": set()}
    roles |= {"PVEAdmin": set(), "PVETemplateUser": {"VM.Audit", "VM.Clone"}}
    for category, levels in _LEVELS.items():
        root, admin, user, audit = (set(level.split()) for level in levels)
        roles[ADMINISTRATOR] |= root | admin | user | audit
        roles["PVEAdmin"] |= admin | user | audit
        roles[f"PVE{category}Admin"] = admin | user | audit
        roles["PVEAuditor"] |= audit
        if user or category == "Pool":
            roles[f"PVE{category}User"] = user | audit
    roles["PVEMappingAuditor"] = {"Mapping.Audit"}
    return {name: frozenset(privileges) for name, privileges in sorted(roles.items())}


SPECIAL_ROLES = _special_roles()
PRIVILEGES = SPECIAL_ROLES[ADMINISTRATOR]
