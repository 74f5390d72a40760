"""Which packages of a node take a terminal that was opened with an API token."""

from __future__ import annotations

from typing import Any

import pytest

from proxmox_mcp.errors import GuestVersionError
from proxmox_mcp.guests.versions import check_versions


@pytest.mark.parametrize(
    ("package", "version", "needs"),
    [
        ("pve-container", "6.1.3", ""),
        ("pve-container", "6.1.2", "6.1.3"),
        ("pve-container", "6.1.10", ""),
        ("pve-container", "6.2.0~rc1", ""),
        ("pve-container", "5.3.4", ""),
        ("pve-container", "5.3.3", "5.3.4"),
        ("pve-container", "4.4.7", "6.1.3"),
        ("pve-container", "7.0.0", ""),
        ("libpve-access-control", "9.0.6", "9.0.7"),
        ("libpve-access-control", "8.2.3-1+pve1", ""),
        ("proxmox-termproxy", "2.0.3", "2.1.0"),
        ("proxmox-termproxy", "1.1.1", ""),
        ("proxmox-termproxy", "1.1.0", "1.1.1"),
        ("proxmox-termproxy", "odd", ""),
        ("other", "0.1", ""),
    ],
)
def test_a_version_is_judged_by_its_line(package: str, version: str, needs: str) -> None:
    packages = [{"Package": package, "OldVersion": version, "Version": "99", "CurrentState": "Installed"}]
    if not needs:
        check_versions(packages, "pve1")
        return
    with pytest.raises(GuestVersionError, match=f"needs {needs}"):
        check_versions(packages, "pve1")


def test_a_package_that_is_not_installed_is_not_judged() -> None:
    check_versions([{"Package": "pve-container", "Version": "6.1.2", "CurrentState": "NotInstalled"}], "pve1")


@pytest.mark.parametrize("answer", [None, {}, "x", [None], [{"Package": "pve-container"}], [{"OldVersion": 3}]])
def test_an_odd_list_of_packages_refuses_nothing(answer: Any) -> None:
    check_versions(answer, "pve1")
