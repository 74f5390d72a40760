"""Which entry of the ACL counts on a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from demo_api import Api


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("/", "PVEAuditor", 1), ("/vms", "PVEVMUser", 0)], {"/vms/103": True, "/vms": True}),
        ([("/", "PVEAuditor", 0)], {"/vms/103": False, "/": True}),
        ([("/vms", "PVEVMUser", 1), ("/vms/103", "NoAccess", 1)], {"/vms/103": False, "/vms/104": True}),
        ([("/pool/shop", "PVEVMUser", 1)], {"/vms/103": True, "/vms/110": False}),
        ([("/pool/shop", "PVEVMUser", 1), ("/vms/103", "NoAccess", 1)], {"/vms/103": False, "/vms/104": True}),
    ],
)
def test_the_nearest_acl_entry_counts_and_no_access_beats_all(
    entries: list[tuple[str, str, int]], expected: dict[str, bool], root: Api, user: str
) -> None:
    for path, role, propagate in entries:
        root.done("PUT", "/access/acl", path=path, roles=role, groups="staff", propagate=propagate)
    held = {path: root.get("/access/permissions", userid=user, path=path)[path] for path in expected}
    assert {path: "VM.Audit" in privileges for path, privileges in held.items()} == expected
