"""What each kind of use needs, against what Proxmox's own roles hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fakepve.shapes import PRIVILEGES

from proxmox_mcp.doctor.privilege_profiles import ADMINISTRATOR, OPERATOR, PROFILES, READ_ONLY, PrivilegeProfile
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox.connection import Connection
from proxmox_mcp.proxmox.permissions import Permissions

if TYPE_CHECKING:
    from pathlib import Path


def connection(user: str = "mcp@pve", token: str = "mcp") -> Connection:
    return Connection(hosts=(HostPort("pve1", 8006),), user=user, token=token, secret="x")


ROLES = {
    "PVEAuditor": (
        "Datastore.Audit",
        "Mapping.Audit",
        "Pool.Audit",
        "SDN.Audit",
        "Sys.Audit",
        "VM.Audit",
        "VM.GuestAgent.Audit",
    ),
    "PVEVMAdmin": tuple(name for name in PRIVILEGES if name.startswith("VM.")),
    "PVEDatastoreUser": ("Datastore.Audit", "Datastore.AllocateSpace"),
    "PVESDNUser": ("SDN.Audit", "SDN.Use"),
    "Administrator": tuple(PRIVILEGES),
}
"""Of the roles that the lines name, what Proxmox VE 9 has in them (``PVE::AccessControl``)."""


def granted(use: PrivilegeProfile) -> Permissions:
    """What a user holds once the lines of a use were run: a role on a deeper path takes the place of one above."""
    held = {}
    for line in use.lines(connection(), 9):
        words = line.split()
        held[words[3]] = dict.fromkeys(ROLES[words[-1]], 1)
    return Permissions.of(held)


@pytest.mark.parametrize(
    ("use", "whole"),
    [
        (READ_ONLY, {"read-only"}),
        (OPERATOR, {"read-only", "operator"}),
        (ADMINISTRATOR, {"read-only", "operator", "administrator"}),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_the_lines_of_a_use_give_all_that_it_needs_and_no_more(use: PrivilegeProfile, whole: set[str]) -> None:
    held = granted(use)
    assert {each.name for each in PROFILES if all(ability.extent(held) == "all" for ability in each.abilities)} == whole


def test_a_recorded_auditor_may_read_all_and_do_nothing(shared_data: Path) -> None:
    """The answer of a real Proxmox VE 9.1 to a token with the role PVEAuditor."""
    records = map(json.loads, (shared_data / "recordings" / "pve-9.1.jsonl").read_text().splitlines())
    said = next(r["body"] for r in records if r["path"] == "/access/permissions" and r["token"] == "auditor")
    held = Permissions.of(json.loads(said)["data"])
    assert {ability.extent(held) for ability in READ_ONLY.abilities} == {"all"}
    assert {ability.extent(held) for ability in ADMINISTRATOR.abilities} == {"none"}


def test_every_privilege_that_is_asked_for_exists() -> None:
    """VM.Monitor is that of releases before 9."""
    abilities = [ability for use in PROFILES for ability in use.abilities]
    asked = {privilege for ability in abilities for _, wanted in ability.needs for privilege in wanted}
    assert asked - {"VM.Monitor"} <= set(PRIVILEGES)


def test_a_privilege_on_some_objects_only_is_reported_as_such() -> None:
    held = Permissions.of({"/vms/100": {"VM.Audit": 1}})
    assert READ_ONLY.abilities[1].extent(held) == "some"
    assert READ_ONLY.abilities[0].extent(held) == "none"


def test_root_needs_no_role_for_its_token_to_have_one() -> None:
    assert ADMINISTRATOR.lines(connection("root@pam"), 9) == (
        "pveum acl modify / --tokens 'root@pam!mcp' --roles Administrator",
    )


def test_a_login_by_password_gets_its_roles_for_the_user() -> None:
    assert READ_ONLY.lines(connection(token=""), 9) == ("pveum acl modify / --users mcp@pve --roles PVEAuditor",)


def test_a_release_without_the_role_for_networks_is_not_asked_for_it() -> None:
    assert any("PVESDNUser" in line for line in OPERATOR.lines(connection(), 8))
    assert not any("PVESDNUser" in line for line in OPERATOR.lines(connection(), 7))
