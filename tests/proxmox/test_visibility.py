"""Why a list is empty: what the identity would need to see something in it."""

from __future__ import annotations

import pytest

from proxmox.acl import Acl
from proxmox_mcp.apidoc import load_index
from proxmox_mcp.proxmox.permissions import Missing, Permissions
from proxmox_mcp.proxmox.visibility import hidden

HELD = Permissions.of({"/": {"Sys.Audit": 1}, "/vms": {"VM.Audit": 1}, "/pool/staging": {"VM.Allocate": 1}})
ALL = (
    "VM.Audit", "Datastore.Audit", "Pool.Audit", "Sys.Audit", "User.Modify", "Mapping.Audit", "SDN.Audit",
)  # fmt: skip


def test_an_empty_list_that_the_identity_had_no_right_to_see_is_told() -> None:
    assert hidden("/nodes/{node}/qemu", HELD) is None
    assert hidden("/nodes/{node}/storage", HELD) == Missing(
        "/storage", ("Datastore.Audit", "Datastore.AllocateSpace"), any_of=True
    )
    assert hidden("/pools", HELD) == Missing("/pool", ("Pool.Audit",))
    assert hidden("/cluster/resources", HELD) is None
    assert hidden("/cluster/resources", Permissions.of({})) is not None
    assert hidden("/version", Permissions.of({})) is None


def test_a_role_that_takes_all_away_on_the_path_above_hides_a_list() -> None:
    held = Permissions.of(Acl({"/": {"PVEAuditor": 1}, "/vms": {"NoAccess": 1}}).listed())
    assert hidden("/nodes/{node}/qemu", held) == Missing("/vms", ("VM.Audit",))


@pytest.mark.parametrize("version", ["8.4", "9.2"])
def test_every_list_that_is_known_is_one_of_the_api(version: str) -> None:
    """A template that Proxmox does not have would never be told."""
    lists = {each.path for each in load_index(version).endpoints if each.method == "GET"}
    told = {path for path in lists if hidden(path, Permissions.of({})) is not None}
    assert {
        "/access/acl", "/access/groups", "/access/users", "/cluster/backup", "/cluster/backup-info/not-backed-up",
        "/cluster/log", "/cluster/mapping/pci", "/cluster/replication", "/cluster/resources", "/cluster/sdn/vnets",
        "/cluster/sdn/zones", "/cluster/tasks", "/nodes/{node}/lxc", "/nodes/{node}/qemu",
        "/nodes/{node}/replication", "/nodes/{node}/sdn/zones", "/nodes/{node}/storage",
        "/nodes/{node}/storage/{storage}/content", "/nodes/{node}/tasks", "/pools", "/storage",
    } <= told  # fmt: skip
    assert not any(hidden(path, Permissions.of({"/": dict.fromkeys(ALL, 1)})) for path in lists)
