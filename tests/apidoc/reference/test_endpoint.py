"""What a model reads of a single endpoint."""

from __future__ import annotations

import pytest

from cl100k import count_tokens
from proxmox_mcp.apidoc import Endpoint, bundled_versions, load_index
from proxmox_mcp.apidoc.reference.endpoint import render_reference, starts_task

_INDEX = load_index("9.1")
_CONFIG = "/nodes/{node}/qemu/{vmid}/config"
_SUMMARY = "Set options of a VM, such as memory, cores, disks and network cards; what needs a restart stays pending."


def _endpoint(method: str, path: str) -> Endpoint:
    found = _INDEX.get(method, path)
    assert found is not None
    return found


@pytest.mark.parametrize("version", bundled_versions())
def test_the_largest_reference_stays_within_its_tokens(version: str) -> None:
    endpoint = load_index(version).get("PUT", _CONFIG)
    assert endpoint is not None
    assert count_tokens(render_reference(endpoint, _SUMMARY, version)) <= 2900


@pytest.mark.parametrize("version", bundled_versions())
def test_every_reference_names_every_parameter(version: str) -> None:
    for endpoint in load_index(version).endpoints:
        text = render_reference(endpoint, version=version)
        assert text.startswith(f"{endpoint.method} {endpoint.path}\n")
        missing = [name for name in endpoint.parameters if name.removesuffix("[n]") not in text]
        assert not missing, f"{endpoint.method} {endpoint.path}: {missing}"


def test_indexed_parameters_are_folded_and_shapes_spelled_once() -> None:
    text = render_reference(_endpoint("PUT", _CONFIG), version="9.1")
    lines = {line.partition(":")[0]: line for line in text.splitlines()}
    assert "net[0-31]" in lines
    assert lines["sata[0-5]"] == "sata[0-5]: {@ide without model}"
    assert text.count("detect_zeroes") == 1


def test_named_property_strings_are_spelled_out() -> None:
    assert "ipconfig[0-31]: {gw <ipv4> (with ip);" in render_reference(_endpoint("PUT", _CONFIG), version="9.1")


def test_a_reference_tells_what_is_required_bounded_and_chosen_from() -> None:
    text = render_reference(_endpoint("POST", "/nodes/{node}/qemu/{vmid}/clone"))
    assert "newid*: <vmid> 100..999999999" in text
    assert "format: raw|qcow2|vmdk" in text
    assert "Answers: the UPID of the task that it starts" in text


def test_a_list_tells_the_fields_of_its_members() -> None:
    assert "Answers: a list of {" in render_reference(_endpoint("GET", "/nodes/{node}/qemu"))


def test_endpoints_without_parameters_say_so() -> None:
    assert render_reference(_endpoint("GET", "/version")).endswith("Parameters: none")


@pytest.mark.parametrize(
    ("method", "path", "is_task"),
    [
        ("POST", "/nodes/{node}/qemu/{vmid}/status/start", True),
        ("PUT", "/nodes/{node}/qemu/{vmid}/resize", True),
        ("DELETE", "/nodes/{node}/lxc/{vmid}", True),
        ("PUT", _CONFIG, False),
        ("GET", "/nodes/{node}/ceph/crush", False),
        ("POST", "/nodes/{node}/storage/{storage}/content", False),
        ("POST", "/access/users", False),
    ],
)
def test_calls_that_start_a_task_are_known(method: str, path: str, is_task: bool) -> None:
    assert starts_task(_endpoint(method, path)) is is_task


def test_only_signs_that_occur_are_explained() -> None:
    plain = render_reference(_endpoint("GET", "/cluster/resources"))
    assert "Parameters (a|b one of):\ntype: vm|storage|node|sdn" in plain
    assert "* required" in render_reference(_endpoint("PUT", "/access/acl"))
    assert "@x keys of x" in render_reference(_endpoint("PUT", _CONFIG), version="9.1")
