from __future__ import annotations

from typing import Any

import pytest

from patience import processor_seconds
from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.apidoc.validation.compiler import Compiler
from proxmox_mcp.apidoc.validation.examples import EXAMPLES
from proxmox_mcp.apidoc.validation.structures import structures

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


@pytest.mark.parametrize(("given", "meant"), [("10GB", "10G"), ("+10 GiB", "+10G"), ("+512m", "+512M")])
def test_a_size_with_its_unit_written_out_is_told_as_proxmox_writes_it(given: str, meant: str) -> None:
    assert f"Did you mean {meant}?" in hint("PUT", "/nodes/pve1/qemu/100/resize", {"disk": "scsi0", "size": given})


@pytest.mark.parametrize(
    ("given", "meant"), [("2 GiB", "2048"), ("4G", "4096"), ("512M", "512"), ("1.5GB", "1536"), ("2048K", "2")]
)
@pytest.mark.parametrize("path", [CONFIG, "/nodes/pve1/lxc/100/config"])
def test_a_size_of_memory_is_told_in_mib(path: str, given: str, meant: str) -> None:
    assert hint("PUT", path, {"memory": given}) == f"Did you mean {meant}? The unit is MiB."


@pytest.mark.parametrize("given", ["1K", "0.0001G", "+2G", "much", "2 GiB or so"])
def test_of_a_memory_that_is_no_whole_number_of_mib_nothing_is_guessed(given: str) -> None:
    assert "Did you mean" not in hint("PUT", "/nodes/pve1/lxc/100/config", {"memory": given})


def test_where_a_free_id_is_wanted_the_call_that_gives_one_is_named() -> None:
    create = {"vmid": "next", "ostemplate": "local:vztmpl/a.tar.zst"}
    assert hint("POST", "/nodes/pve1/lxc", create).startswith("GET /cluster/nextid gives a free one.")
    assert "nextid" not in hint("POST", "/nodes/pve1/lxc", {**create, "vmid": "web-01"})


@pytest.mark.parametrize("given", ["10GG", "much", "-5GB"])
def test_of_a_size_that_cannot_be_read_nothing_is_guessed(given: str) -> None:
    told = hint("PUT", "/nodes/pve1/qemu/100/resize", {"disk": "scsi0", "size": given})
    assert "Did you mean" not in told


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("GET", "/nodes/pve1/qmeu/100/config", ["/nodes/pve1/qemu/100/config"]),
        ("GET", "/node", ["/nodes"]),
        ("GET", "/api2/json/nodes", ["Leave out /api2/json"]),
        ("GET", "/nodes/pve1/xyzzy", ["Below /nodes/{node}:", "apt"]),
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
    assert "/cluster/ha/rules was added in 9.1; this is 8.4" in hint("GET", "/cluster/ha/rules", version="8.4")
    assert "intel-tdx was added in 9.1" in hint("PUT", CONFIG, {"intel-tdx": "1"}, version="8.4")


def test_a_hint_says_until_when_there_was_what_this_version_lacks() -> None:
    told = hint("GET", "/nodes/pve1/ceph/pools", version="9.1")
    assert "removed after 7.4" in told


def test_a_parameter_of_another_type_is_told_to_be_so() -> None:
    rule = {"rule": "r1", "type": "node-affinity", "nodes": "pve1", "resources": "vm:100", "affinity": "positive"}
    assert hint("POST", "/cluster/ha/rules", rule, version="9.2") == "Only for type resource-affinity."


def test_every_example_is_used_and_passes() -> None:
    index = load_index(bundled_versions()[-1])
    compiler = Compiler(structures(index.version), {})
    shown = set()
    for endpoint in index.endpoints:
        for name, schema in endpoint.parameters.items():
            base = name.removesuffix("[n]").rstrip("0123456789")
            item = schema.items or schema
            if base in EXAMPLES and compiler.keys(item) is not None:
                validate = compiler.validator(name, item)
                shown |= {(base, text) for text in EXAMPLES[base] if validate is None or validate(text) is None}
    assert {(base, text) for base, texts in EXAMPLES.items() for text in texts} - shown == set()


def test_hints_do_not_make_a_check_slow() -> None:
    index = load_index("9.1")
    params = {"memroy": 1, "onboot": "yes", "net0": "virtio,tagg=1", "ostype": "linux", "cpu": "x y", "nosuch": 1}

    def hinted() -> None:
        for problem in index.check("PUT", CONFIG, params).problems:
            assert problem.hint

    hinted()
    assert min(processor_seconds(hinted) for _ in range(5)) < 0.1


@pytest.mark.parametrize("version", bundled_versions())
@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        (
            "POST",
            "/nodes/pve1/qemu/100/unlock",
            (
                "No call is for this alone. Run on the node: `qm unlock 100`. Or, signed in as root@pam by password, "
                "call PUT /nodes/{node}/qemu/100/config with delete=lock and skiplock=1."
            ),
        ),
        ("PUT", "/nodes/pve1/lxc/101/unlock", "The API can't unlock a container. Run on the node: `pct unlock 101`."),
        ("GET", "/cluster/ceph/osd", "Did you mean /nodes/{node}/ceph/osd?"),
        ("GET", "/ceph/osd", "Did you mean /nodes/{node}/ceph/osd?"),
        ("GET", "/qemu/100/config", "Did you mean /nodes/{node}/qemu/100/config?"),
        ("GET", "/nodes/pve1/ha/resources", "Did you mean /cluster/ha/resources?"),
        ("GET", "/nodes/pve1/access/users", "Did you mean /access/users?"),
    ],
)
def test_a_path_that_is_elsewhere_in_the_api_is_told_where(version: str, method: str, path: str, told: str) -> None:
    said = hint(method, path, version=version)
    assert said == told
    assert "unlink" not in said


@pytest.mark.parametrize("version", bundled_versions())
@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("POST", "/nodes/pve1/qemu/100/start", "Did you mean /nodes/pve1/qemu/100/status/start?"),
        ("POST", "/nodes/pve1/lxc/100/reboot", "Did you mean /nodes/pve1/lxc/100/status/reboot?"),
        ("POST", "/nodes/pve1/qemu/100/exec", "Did you mean /nodes/pve1/qemu/100/agent/exec?"),
        ("POST", "/nodes/pve1/qemu/100/rollback", "Did you mean /nodes/pve1/qemu/100/snapshot/{snapname}/rollback?"),
        ("PUT", "/nodes/pve1/wipedisk", "Did you mean /nodes/pve1/disks/wipedisk?"),
        ("GET", "/cluster/ha/current", "Did you mean /cluster/ha/status/current?"),
    ],
)
def test_a_segment_that_is_one_level_further_down_is_told_where(
    version: str, method: str, path: str, told: str
) -> None:
    assert hint(method, path, version=version) == told


def test_the_method_before_a_path_is_told_to_be_none_of_it() -> None:
    assert hint("GET", "GET /nodes/pve1/version") == "The method is not a part of the path: /nodes/pve1/version."


@pytest.mark.parametrize("path", ["/pools/web/shop", "/pools/web%2Fshop", "/pools/web/shop/cart"])
def test_a_pool_within_a_pool_is_named_by_a_parameter(path: str) -> None:
    name = path.removeprefix("/pools/").replace("%2F", "/")
    assert hint("GET", path, version="9.2").endswith(f"GET, PUT or DELETE /pools with poolid={name}.")
    assert "poolid" not in hint("GET", path, version="7.4").replace("{poolid}", "")
    assert load_index("9.2").check("GET", "/pools", {"poolid": name}).ok


@pytest.mark.parametrize(
    ("method", "path", "params", "element", "right"),
    [
        ("POST", "/access/roles", {"roleid": "x", "privs": "VM.Audit,VM.Monitr"}, "VM.Monitr", "VM.Audit"),
        ("PUT", CONFIG, {"delete": "net0,n@t1"}, "n@t1", "net0"),
        ("PUT", CONFIG, {"tags": "web;b@d"}, "b@d", "web"),
        ("PUT", "/storage/local", {"content": ["iso", "bogus"]}, "bogus", "iso"),
        ("PUT", "/storage/local", {"nodes": "pve1 p_2"}, "p_2", "pve1"),
        ("PUT", "/access/acl", {"path": "/", "roles": "A", "users": "anna@pve,root"}, "root", "anna"),
    ],
)
def test_a_fault_in_a_list_names_the_element(
    method: str, path: str, params: dict[str, Any], element: str, right: str
) -> None:
    (problem,) = load_index("9.2").check(method, path, params).problems
    assert problem.message.startswith(f"{element!r} in the list does not have the format ")
    assert right not in problem.message


def test_a_privilege_that_is_gone_is_told_with_what_replaced_it_where_it_is_gone() -> None:
    call = ("POST", "/access/roles", {"roleid": "x", "privs": "VM.Audit,VM.Monitor"})
    assert "removed in 9.0. Use VM.GuestAgent.Audit" in hint(*call, version="9.2")
    assert load_index("8.4").check(*call).ok
    both = (*call[:2], {"roleid": "x", "privs": "VM.Monitor,VM.Nonsense"})
    assert "removed" not in hint(*both, version="8.4")
