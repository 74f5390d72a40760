"""What a model reads of hits and of single endpoints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cl100k import count_tokens
from proxmox_mcp.apidoc import Endpoint, bundled_versions, load_index
from proxmox_mcp.search import Searcher, group
from proxmox_mcp.search.reference import render_hits, render_reference, starts_task

_INDEX = load_index("9.1")
_SEARCHER = Searcher(_INDEX)
_QUESTIONS = Path(__file__).with_name("questions.jsonl").read_text(encoding="utf-8").splitlines()
_CONFIG = "/nodes/{node}/qemu/{vmid}/config"


def _endpoint(method: str, path: str) -> Endpoint:
    found = _INDEX.get(method, path)
    assert found is not None
    return found


def _hits(query: str) -> str:
    return render_hits(group(_SEARCHER.search(query, 15))[:5])


def test_five_results_stay_within_theirtokens() -> None:
    assert max(count_tokens(_hits(json.loads(line)["query"])) for line in _QUESTIONS) <= 450


def test_a_hit_tells_call_purpose_parameters_and_privileges() -> None:
    first = _hits("clone a vm").split("\n2. ")[0].splitlines()
    assert first[0].startswith("1. POST /nodes/{node}/qemu/{vmid}/clone")
    assert "task" in first[1]
    assert first[2].startswith("  newid* ")
    assert "VM.Clone on /vms/{vmid}" in first[2]


def test_twins_are_named_in_one_line() -> None:
    assert "clone (also lxc" in _hits("clone a guest") or "clone (also qemu" in _hits("clone a guest")


def test_the_parameter_that_was_asked_for_is_shown() -> None:
    assert " onboot " in _hits("enable autostart of a container").split("\n2. ")[0]


def test_what_the_token_may_not_do_is_marked() -> None:
    groups = group(_SEARCHER.search("clone a vm", 3))
    assert "not allowed to this token" in render_hits(groups, lambda _: False)
    assert "not allowed" not in render_hits(groups, lambda _: True)
    endpoint = groups[0].best.endpoint
    assert "not allowed to this token" in render_reference(endpoint, may=lambda _: False)


@pytest.mark.parametrize("version", bundled_versions())
def test_the_largest_reference_stays_within_itstokens(version: str) -> None:
    endpoint = load_index(version).get("PUT", _CONFIG)
    assert endpoint is not None
    assert count_tokens(render_reference(endpoint, _SEARCHER.does(endpoint), version)) <= 2900


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
