from __future__ import annotations

from typing import Any

import pytest

from patience import processor_seconds
from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.apidoc.compile import Compiler
from proxmox_mcp.apidoc.examples import EXAMPLES
from proxmox_mcp.apidoc.structures import structures

CONFIG = "/nodes/pve1/qemu/100/config"


def hint(method: str, path: str, params: dict[str, Any] | None = None, version: str = "9.1") -> str:
    (problem,) = load_index(version).check(method, path, params or {}).problems
    return problem.hint


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"memroy": 1}, ["Did you mean memory?"]),
        ({"onboot": "yes"}, ["Did you mean 1?", "1 or 0"]),
        ({"ostype": "win12"}, ["Did you mean win1", "l26"]),
        ({"cores": 0}, ["an integer", "at least 1"]),
        ({"net0": "virtio,tagg=1"}, ["Did you mean tag?", "virtio,bridge=vmbr0,tag=20"]),
        ({"net0": "foo"}, ["Allowed for model:", "e1000"]),
        ({"net0": ""}, ["virtio,bridge=vmbr0,tag=20"]),
        ({"sata7": "none"}, ["sata0 to sata5"]),
        ({"startup": "first"}, ["order=1,up=30"]),
        ({"force": 1}, ["a list", "id"]),
        ({"net99999": "virtio"}, ["net0 to net31"]),
    ],
)
def test_a_hint_says_what_is_allowed_and_what_is_nearest(params: dict[str, Any], words: list[str]) -> None:
    told = hint("PUT", CONFIG, params)
    assert [word for word in words if word not in told] == []


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("GET", "/nodes/pve1/qmeu/100/config", ["/nodes/pve1/qemu/100/config"]),
        ("GET", "/node", ["/nodes"]),
        ("GET", "/api2/json/nodes", ["Leave out /api2/json"]),
        ("GET", "/nodes/pve1/xyzzy", ["At /nodes/{node} there are:", "apt"]),
        ("GET", "/version/x", ["Nothing is below /version"]),
        ("GET", "/nodes/a b", ["blanks"]),
        ("POST", "/nodes/pve1/qemu/100/config/x", ["Nothing is below"]),
        ("PATCH", CONFIG, ["GET", "PUT", "POST"]),
    ],
)
def test_a_hint_for_a_path_leads_to_the_nearest_endpoints(method: str, path: str, words: list[str]) -> None:
    told = hint(method, path)
    assert [word for word in words if word not in told] == []


def test_a_hint_says_since_when_there_is_what_this_version_lacks() -> None:
    assert "/cluster/ha/rules came with 9.1; this is 8.4" in hint("GET", "/cluster/ha/rules", version="8.4")
    assert "intel-tdx came with 9.1" in hint("PUT", CONFIG, {"intel-tdx": "1"}, version="8.4")


def test_a_hint_says_until_when_there_was_what_this_version_lacks() -> None:
    told = hint("GET", "/nodes/pve1/ceph/pools", version="9.1")
    assert "until 7.4" in told


def test_a_parameter_of_another_type_is_told_to_be_so() -> None:
    rule = {"rule": "r1", "type": "node-affinity", "nodes": "pve1", "resources": "vm:100", "affinity": "positive"}
    assert hint("POST", "/cluster/ha/rules", rule, version="9.2") == "It is for type resource-affinity only."


def test_every_example_is_used_and_passes() -> None:
    index = load_index(bundled_versions()[-1])
    compiler = Compiler(structures(index.version), {})
    shown = set()
    for endpoint in index.endpoints:
        for name, schema in endpoint.parameters.items():
            base = name.removesuffix("[n]").rstrip("0123456789")
            item = schema.items or schema
            if base in EXAMPLES and compiler.keys(item) is not None:
                judge = compiler.judge(name, item)
                shown |= {(base, text) for text in EXAMPLES[base] if judge is None or judge(text) is None}
    assert {(base, text) for base, texts in EXAMPLES.items() for text in texts} - shown == set()


def test_hints_do_not_make_a_check_slow() -> None:
    index = load_index("9.1")
    params = {"memroy": 1, "onboot": "yes", "net0": "virtio,tagg=1", "ostype": "linux", "cpu": "x y", "nosuch": 1}

    def hinted() -> None:
        for problem in index.check("PUT", CONFIG, params).problems:
            assert problem.hint

    hinted()
    assert min(processor_seconds(hinted) for _ in range(5)) < 0.1
