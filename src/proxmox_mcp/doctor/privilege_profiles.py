"""The privileges that three kinds of use need, and the commands that grant them.

Privileges and built-in roles are those of ``PVE::AccessControl``. A role on a deeper path replaces the inherited roles
of the same user or token, so each command grants a complete role for its path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from proxmox_mcp.proxmox.connection import Connection
    from proxmox_mcp.proxmox.permissions import Permissions

Extent = Literal["all", "some", "none"]


class Ability(Struct, frozen=True):
    """Something that a user can do: object paths, each with the privileges needed there (``any_of``: one of them)."""

    text: str
    needs: tuple[tuple[str, tuple[str, ...]], ...]
    any_of: bool = False

    def extent(self, permissions: Permissions) -> Extent:
        """Whether it is allowed everywhere, in some places (a pool, a guest, a storage), or nowhere."""
        if all(self._at(permissions, path, wanted) for path, wanted in self.needs):
            return "all"
        if all(self._below(permissions, path, wanted) for path, wanted in self.needs):
            return "some"
        return "none"

    def _at(self, permissions: Permissions, path: str, wanted: tuple[str, ...]) -> bool:
        held = permissions.at(path)
        return bool(held.intersection(wanted)) if self.any_of else held.issuperset(wanted)

    def _below(self, permissions: Permissions, path: str, wanted: tuple[str, ...]) -> bool:
        there = [permissions.below(path, (privilege,)) for privilege in wanted]
        return any(there) if self.any_of else all(there)


class PrivilegeProfile(Struct, frozen=True):
    """A kind of use: its abilities, and the roles that grant them."""

    name: str
    abilities: tuple[Ability, ...]
    roles: tuple[tuple[str, str], ...]

    def roles_of(self, release: int) -> tuple[tuple[str, str], ...]:
        """Path and role of each grant; ``release`` is the major version of Proxmox VE. Roles for SDN came with 8."""
        return tuple((path, role) for path, role in self.roles if release >= 8 or not role.startswith("PVESDN"))

    def lines(self, connection: Connection, release: int) -> tuple[str, ...]:
        """The ``pveum`` commands, to be run as root on a node."""
        return tuple(
            f"pveum acl modify {path} {_grantee(connection)} --roles {role}" for path, role in self.roles_of(release)
        )


def _grantee(connection: Connection) -> str:
    """A token has at most the privileges of its user, so both get the role; root@pam has all privileges already."""
    if not connection.token:
        return f"--users {connection.user}"
    token = f"--tokens '{connection.identity}'"
    return token if connection.user == "root@pam" else f"--users {connection.user} {token}"


def _ability(text: str, path: str, *privileges: str, any_of: bool = False) -> Ability:
    return Ability(text, ((path, privileges),), any_of)


READ_ONLY = PrivilegeProfile(
    "read-only",
    (
        _ability("see nodes, their state, tasks and logs", "/nodes", "Sys.Audit"),
        _ability("see guests and their configuration", "/vms", "VM.Audit"),
        _ability("see storages and what is on them", "/storage", "Datastore.Audit"),
        _ability("see pools", "/pool", "Pool.Audit"),
        _ability("see virtual networks", "/sdn", "SDN.Audit"),
        _ability("see backup jobs, users and permissions", "/", "Sys.Audit"),
    ),
    (("/", "PVEAuditor"),),
)
OPERATOR = PrivilegeProfile(
    "operator",
    (
        _ability("start and stop guests", "/vms", "VM.PowerMgmt"),
        _ability("create snapshots and roll back to them", "/vms", "VM.Snapshot", "VM.Snapshot.Rollback"),
        Ability("back guests up", (("/vms", ("VM.Backup",)), ("/storage", ("Datastore.AllocateSpace",)))),
        _ability(
            "change the configuration of guests",
            "/vms",
            *(f"VM.Config.{what}" for what in ("CPU", "Memory", "Disk", "Network", "Options")),
        ),
        Ability(
            "create, clone and delete guests",
            (("/vms", ("VM.Allocate", "VM.Clone")), ("/storage", ("Datastore.AllocateSpace",))),
        ),
        _ability("migrate guests", "/vms", "VM.Migrate"),
        _ability(
            "use the guest agent",
            "/vms",
            "VM.GuestAgent.Audit",
            "VM.GuestAgent.Unrestricted",
            "VM.Monitor",
            any_of=True,
        ),
    ),
    (("/", "PVEAuditor"), ("/vms", "PVEVMAdmin"), ("/storage", "PVEDatastoreUser"), ("/sdn", "PVESDNUser")),
)
ADMINISTRATOR = PrivilegeProfile(
    "administrator",
    (
        _ability("change nodes: network, services, disks, certificates", "/nodes", "Sys.Modify"),
        _ability("restart and shut down nodes", "/nodes", "Sys.PowerMgmt"),
        _ability("change cluster options, firewall, HA", "/", "Sys.Modify"),
        _ability("define storages", "/storage", "Datastore.Allocate"),
        _ability("create users and tokens", "/access/groups", "User.Modify"),
        _ability("grant permissions", "/", "Permissions.Modify"),
    ),
    (("/", "Administrator"),),
)
PROFILES = (READ_ONLY, OPERATOR, ADMINISTRATOR)
