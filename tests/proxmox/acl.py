"""Who may do what, as Proxmox tells and decides it."""

from __future__ import annotations

from typing import ClassVar


class Acl:
    """``PVE::AccessControl::roles`` and ``get_effective_permissions`` for one user, roles being named sets of
    privileges: what Proxmox answers to ``/access/permissions``, and decides."""

    ROLES: ClassVar = {
        "NoAccess": (),
        "PVEAuditor": ("VM.Audit", "Sys.Audit", "Datastore.Audit"),
        "PVEVMUser": ("VM.Audit", "VM.PowerMgmt", "VM.Console"),
        "PVEVMAdmin": ("VM.Audit", "VM.PowerMgmt", "VM.Clone", "VM.Allocate"),
    }
    ALWAYS = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")

    def __init__(self, entries: dict[str, dict[str, int]], pools: dict[str, tuple[str, ...]] | None = None) -> None:
        self.entries, self.pools = entries, pools or {}

    def roles(self, path: str) -> dict[str, int]:
        parts = [part for part in path.split("/") if part]
        found: dict[str, int] = {}
        for depth in range(len(parts) + 1):
            here = "/" + "/".join(parts[:depth])
            passing = {r: p for r, p in self.entries.get(here, {}).items() if p or depth == len(parts)}
            found = passing or found
        return {"NoAccess": found["NoAccess"]} if "NoAccess" in found else found

    def held(self, path: str) -> dict[str, int]:
        roles = dict(self.roles(path))
        for pool, members in self.pools.items():
            inherited = self.roles(f"/pool/{pool}") if path in members and "NoAccess" not in roles else {}
            roles = {"NoAccess": 0} if "NoAccess" in inherited else dict.fromkeys(inherited, 0) | roles
        privileges: dict[str, int] = {}
        for role, propagates in roles.items():
            for privilege in self.ROLES[role]:
                privileges[privilege] = privileges.get(privilege) or propagates
        return privileges

    def listed(self) -> dict[str, dict[str, int]]:
        paths = {*self.ALWAYS, *self.entries, *(member for members in self.pools.values() for member in members)}
        return {path: held for path in sorted(paths) if (held := self.held(path))}
