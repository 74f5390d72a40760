"""Since when and until when."""

from __future__ import annotations

import pytest

from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.apidoc.build import history
from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.history import endpoint_versions, find_past, parameter_versions

ALL = ("7.4", "8.4", "9.1", "9.2")


@pytest.mark.parametrize(
    ("method", "path", "versions"),
    [
        ("GET", "/version", ALL),
        ("POST", "/cluster/ha/rules", ("9.1", "9.2")),
        ("GET", "/cluster/mapping/pci", ("8.4", "9.1", "9.2")),
        ("PUT", "/version", ()),
        ("GET", "/no/such/thing", ()),
    ],
)
def test_an_endpoint_has_the_versions_that_know_it(method: str, path: str, versions: tuple[str, ...]) -> None:
    assert endpoint_versions(method, path) == versions


def test_an_endpoint_whose_path_parameter_was_renamed_is_the_same_one() -> None:
    assert endpoint_versions("GET", "/nodes/{node}/hardware/pci/{pciid}") == ALL
    assert endpoint_versions("GET", "/nodes/{node}/hardware/pci/{pci-id-or-mapping}") == ALL


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_the_history_agrees_with_every_snapshot(method: str) -> None:
    for version in bundled_versions():
        for endpoint in load_index(version).endpoints:
            if endpoint.method == method:
                assert version in endpoint_versions(method, endpoint.path)
                for name in set(endpoint.parameters) - set(endpoint.path_parameters):
                    versions = parameter_versions(method, endpoint.path, name)
                    assert not versions or version in versions


def test_a_parameter_that_not_all_releases_have_has_the_versions_that_know_it() -> None:
    assert parameter_versions("POST", "/nodes/{node}/qemu", "vmid") == ()
    assert parameter_versions("POST", "/access/domains", "audiences") == ("9.2",)
    assert parameter_versions("POST", "/nodes/{node}/qemu", "nosuch") == ()
    assert parameter_versions("POST", "/no/such/thing", "vmid") == ()


def test_a_path_is_found_in_the_versions_that_have_it() -> None:
    past = find_past("/cluster/ha/rules/my-rule")

    assert past is not None
    assert past.template == "/cluster/ha/rules/{rule}"
    assert past.methods["PUT"] == ("9.1", "9.2")
    assert find_past("/no/such/thing") is None


def test_the_recorded_history_is_that_of_the_bundled_snapshots() -> None:
    assert (data_directory() / "history.json").read_bytes() == history()
