from __future__ import annotations

import pytest

from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.apidoc.validation.structures import LAST_INDEX, indexed, structures


def test_a_property_string_has_the_keys_of_its_version() -> None:
    assert "level" not in structures("9.1.9")["pve-vm-cpu-conf"]
    assert "level" in structures("9.2")["pve-vm-cpu-conf"]


def test_an_older_version_has_the_oldest_keys_we_know_and_an_unknown_one_the_newest() -> None:
    assert structures("7.4")["pve-vm-cpu-conf"] == structures("8.4")["pve-vm-cpu-conf"]
    assert "guest-phys-bits" not in structures("8.4")["pve-vm-cpu-conf"]
    assert structures("") == structures("9.2") == structures("10.0")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("net0", ("net[n]", 0)),
        ("net31", ("net[n]", 31)),
        ("net00", None),
        ("net", None),
        ("net-1", None),
        ("NET0", None),
    ],
)
def test_an_indexed_name_has_no_leading_zeros(name: str, found: tuple[str, int] | None) -> None:
    assert indexed(name) == found


@pytest.mark.parametrize("version", bundled_versions())
def test_every_indexed_parameter_of_every_bundled_version_has_its_bound(version: str) -> None:
    names = {name for endpoint in load_index(version).endpoints for name in endpoint.parameters if name.endswith("[n]")}
    assert {name.removesuffix("[n]") for name in names} <= set(LAST_INDEX)
