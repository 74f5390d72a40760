from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from example_counts import share_of
from patience import processor_seconds
from proxmox_mcp.apidoc import Check, EndpointIndex, bundled_versions, load_index
from proxmox_mcp.apidoc.validation.authority import SchemaAuthority, split
from proxmox_mcp.apidoc.validation.structures import LAST_INDEX

CALLS = Path(__file__).parent / "data" / "calls.jsonl"
CONFIG = "/nodes/pve1/qemu/100/config"


@cache
def index(version: str = "9.2") -> EndpointIndex:
    return load_index(version)


def check(method: str, path: str, params: dict[str, Any] | None = None, version: str = "9.2") -> Check:
    return index(version).check(method, path, params or {})


def kinds(found: Check) -> dict[str, str]:
    return {problem.parameter: problem.kind for problem in found.problems}


@pytest.mark.parametrize("line", CALLS.read_text().splitlines())
def test_a_call_of_our_sample_is_judged_as_its_line_says(line: str) -> None:
    call = json.loads(line)
    found = check(call["method"], call["path"], call["params"], call["version"])
    assert kinds(found) == call["faults"], call["why"]
    assert found.ok == (not call["faults"])


def test_all_faults_of_a_call_are_told_at_once() -> None:
    found = check("POST", "/nodes/a_b/qemu", {"vmid": 99, "memroy": 1, "onboot": "yes", "net0": "foo", "sata9": "x"})
    assert kinds(found) == {
        "node": "format",
        "vmid": "bound",
        "memroy": "unknown",
        "onboot": "type",
        "net0": "format",
        "sata9": "index",
    }


def test_the_canonical_path_is_percent_encoded() -> None:
    assert check("GET", "//nodes/pve1/").path == "/nodes/pve1"
    assert check("GET", "/%6eodes/pve1").path == "/nodes/pve1"
    volume = check("GET", "/nodes/pve1/storage/local/content/local:iso%2Fa#b?.iso")
    assert volume.path == "/nodes/pve1/storage/local/content/local:iso/a%23b"
    assert volume.path_params["volume"] == "local:iso/a#b"


def test_steps_in_a_path_are_encoded_so_that_nothing_takes_them_for_steps() -> None:
    assert check("PUT", "/pools/..").path == "/pools/%2E%2E"


def test_a_query_string_in_the_path_is_merged_into_the_parameters() -> None:
    assert check("GET", "/cluster/resources?type=vm").data == {"type": "vm"}
    assert kinds(check("GET", "/cluster/resources?bogus=1")) == {"bogus": "unknown"}
    assert check("POST", "/nodes/pve1/qemu/100/agent/exec?command=ls&command=-l").data == {"command": ["ls", "-l"]}


def test_a_path_parameter_may_be_repeated_if_it_says_the_same() -> None:
    assert check("GET", "/nodes/pve1/qemu/100/config", {"node": "pve1", "vmid": 100}).data == {}
    assert kinds(check("GET", "/nodes/pve1/qemu/100/config", {"node": "pve2"})) == {"node": "conflict"}


def test_a_type_that_the_node_may_fill_in_itself_is_a_doubt_even_before_the_nodes_own_schema() -> None:
    found = check("PUT", "/cluster/ha/rules/r1", {"rule": "r1", "nodes": "pve1", "strict": 1})
    assert kinds(found) == {"type": "unpublished"}
    assert split(found.problems, SchemaAuthority.NODE, "auto") == ([], list(found.problems))
    assert kinds(check("POST", "/storage", {"storage": "nas"})) == {"type": "missing"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nodes"), ("PUT", CONFIG), ("DELETE", "/pools/p"), ("POST", "/no/such"), ("PATCH", "/")],
)
def test_what_browsers_add_against_their_cache_passes_and_is_not_sent(method: str, path: str) -> None:
    without, given_it = check(method, path), check(method, f"{path}?_dc=17", {"_dc": 1732000000000})
    assert (kinds(given_it), given_it.data) == (kinds(without), {})


SEGMENTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=4)


@given(segments=SEGMENTS, known=st.booleans(), encoded=st.booleans())
def test_a_path_is_percent_encoded_exactly_once_whether_the_schema_knows_it_or_not(
    segments: list[str], known: bool, encoded: bool
) -> None:
    start = "/nodes/pve1/storage/local/content/" if known else "/no/such/"
    written = start + "/".join(quote(each, safe="") if encoded else each.replace("%", "%25") for each in segments)
    decoded = unquote(written.partition("?")[0]).removesuffix("\n")
    sent = check("GET", written).path
    assert [part for part in unquote(sent).split("/") if part] == [part for part in decoded.split("/") if part]


def test_a_path_that_the_schema_doesnt_know_is_not_encoded_twice() -> None:
    assert check("GET", "/no/such%20thing/x y").path == "/no/such%20thing/x%20y"


def test_what_version_8_takes_and_refuses_otherwise_than_9() -> None:
    def faults(params: dict[str, Any], path: str = CONFIG) -> list[set[str]]:
        return [set(kinds(check("PUT", path, params, version))) for version in ("8.4", "9.1")]

    assert faults({"x": 1}, "/cluster/sdn") == [set(), {"x"}]
    assert faults({"unused0": "file=local:a,volume=local:b"}) == [set(), {"unused0"}]
    assert faults({"unused0": "file=local:a"}) == [set(), set()]
    assert faults({"agent": "yes"}) == [{"agent"}, set()]
    assert faults({"agent": "enabled=yes"}) == [set(), set()]
    assert faults({"cpu": "host,guest-phys-bits=40"}) == [{"cpu"}, set()]
    assert faults({"log_ratelimit": "yes"}, "/cluster/firewall/options") == [{"log_ratelimit"}, set()]
    assert faults({"mac_prefix": "BC:2"}, "/cluster/options") == [{"mac_prefix"}, set()]
    assert faults({"mac_prefix": "BC:24:"}, "/cluster/options") == [set(), set()]
    for version, ok in (("7.4", True), ("8.4", True), ("9.1", True), ("9.2", False)):
        assert check("PUT", "/access/users/a@pve", {"groups": "dev:ops,ok"}, version).ok is ok
        assert not check("PUT", "/access/users/a@pve", {"groups": "a/b"}, version).ok
    assert check("PUT", "/storage/local", {"format": " raw"}, "7.4").ok
    assert not check("PUT", "/storage/local", {"format": "vdi"}, "7.4").ok
    assert faults({"format": " raw"}, "/storage/local") == [{"format"}, {"format"}]


def test_a_faulty_call_is_kept_as_it_would_be_sent() -> None:
    found = check("PUT", CONFIG, {"onboot": "yes", "future": [1, True], "net0": {"virtio": None, "tagg": 1}})
    assert not found.ok
    assert found.path == CONFIG
    assert found.data == {"onboot": "yes", "future": ["1", "1"], "net0": "virtio,tagg=1"}


def test_a_call_to_an_endpoint_that_we_dont_know_is_kept_too() -> None:
    found = check("POST", "/nodes/pve1/brand new/thing", {"a": True, "b": None, "c": {"d": 1}})
    assert kinds(found) == {"path": "endpoint"}
    assert found.endpoint is None
    assert found.path == "/nodes/pve1/brand%20new/thing"
    assert found.data == {"a": "1", "c": '{"d":1}'}


@pytest.mark.parametrize(("name", "last"), [("net", 31), ("scsi", 30), ("sata", 5), ("ide", 3)])
def test_an_index_has_its_bound_and_no_leading_zero(name: str, last: int) -> None:
    assert LAST_INDEX[name] == last
    value = "virtio" if name == "net" else "local-lvm:8"
    assert check("PUT", CONFIG, {f"{name}{last}": value}).ok
    assert kinds(check("PUT", CONFIG, {f"{name}{last + 1}": value})) == {f"{name}{last + 1}": "index"}
    for wrong in (f"{name}00", f"{name}-1", name, f"{name}[n]", f"{name}[0]", name.upper() + "0"):
        assert kinds(check("PUT", CONFIG, {wrong: value})) == {wrong: "unknown"}


def test_open_endpoints_take_any_parameter() -> None:
    assert check("GET", "/cluster/firewall", {"whatever": 1}).ok
    assert check("GET", "/cluster/sdn/fabrics/fabric", {"whatever": [1]}).ok
    assert kinds(check("GET", "/cluster", {"whatever": 1})) == {"whatever": "unknown"}


def test_what_a_type_asks_for_depends_on_the_type() -> None:
    rule = {"rule": "r1", "resources": "vm:100"}
    path = "/cluster/ha/rules"
    assert check("POST", path, rule | {"type": "node-affinity", "nodes": "pve1"}).ok
    assert kinds(check("POST", path, rule | {"type": "node-affinity"})) == {"nodes": "missing"}
    assert kinds(check("POST", path, rule | {"type": "node-affinity", "nodes": "pve1", "affinity": "positive"})) == {
        "affinity": "unknown"
    }
    assert kinds(check("POST", path, rule | {"type": "resource-affinity"})) == {"affinity": "missing"}
    assert kinds(check("POST", path, rule | {"type": "x"})) == {"type": "enum"}
    assert kinds(check("POST", path, rule)) == {"type": "unpublished"}


def test_alternatives_of_one_parameter_depend_on_the_type_too() -> None:
    path = "/cluster/sdn/fabrics/node/f1/pve1"
    interface = "name=eth0,hello_multiplier=2"
    assert check("PUT", path, {"protocol": "openfabric", "interfaces": [interface]}).ok
    assert kinds(check("PUT", path, {"protocol": "ospf", "interfaces": [interface]})) == {"interfaces": "format"}
    assert kinds(check("PUT", path, {"protocol": ["ospf"], "interfaces": [interface]})) == {"interfaces": "format"}


def test_no_secret_is_repeated_in_a_message() -> None:
    found = check("POST", "/access/users", {"userid": "a@pve", "password": "hunter2"})
    told = " ".join(problem.message + problem.hint for problem in found.problems)
    assert kinds(found) == {"password": "length"}
    assert "hunter2" not in told
    key = check("POST", "/nodes/pve1/certificates/custom", {"certificates": "SECRET", "key": "SECRET"})
    assert not key.ok
    assert "SECRET" not in str([(problem.message, problem.hint) for problem in key.problems])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["1", "0", "100", "local", "local:8", "virtio,bridge=vmbr0", "a,b;c", "vm", "10.0.0.0/24"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, str, dict[str, object]]:
    """A call aimed at any endpoint: its path filled with anything, its parameters and others with any JSON."""
    endpoint = draw(st.sampled_from(index().endpoints))
    path = endpoint.path
    for name in endpoint.path_parameters:
        text = draw(
            st.sampled_from(["pve1", "100", "local", "root@pam", "a b", "..", "%41", "\0"]) | st.text(max_size=9)
        )
        path = path.replace(f"{{{name}}}", text)
    names = st.sampled_from([*(name.replace("[n]", "0") for name in endpoint.parameters), "bogus", ""]) | st.text(
        max_size=5
    )
    return endpoint.method, path, draw(st.dictionaries(names, JSON, max_size=5))


@settings(max_examples=share_of(250))
@given(call=calls())
def test_no_call_makes_the_check_raise_and_what_it_accepts_it_accepts_again(
    call: tuple[str, str, dict[str, object]],
) -> None:
    method, path, params = call
    found = index().check(method, path, params)
    assert all(isinstance(problem.hint, str) and problem.message for problem in found.problems)
    again = index().check(method, found.path, found.data)
    if found.ok:
        assert again.ok
        assert (again.path, again.data) == (found.path, found.data)


def test_every_endpoint_judges_what_it_is_given() -> None:
    values: list[object] = [None, True, 5, 1.5, "", "x", "a=b,c", [], ["a", "b"], {}, {"a": None}, "é\n", "0"]
    for endpoint in index().endpoints:
        path = endpoint.path.replace("{", "").replace("}", "")
        for value in values:
            params = {name.replace("[n]", "0"): value for name in endpoint.parameters}
            found = index().check(endpoint.method, path, params)
            assert found.endpoint is not None
            for name in endpoint.path_parameters:
                params.pop(name)
            found = index().check(endpoint.method, path, params)
            if found.ok:
                assert index().check(endpoint.method, found.path, found.data).data == found.data


@pytest.mark.parametrize(
    "value",
    [
        "a" * 100_000,
        "a," * 50_000,
        "a=b," * 25_000,
        "," * 100_000,
        "1" * 100_000,
        "\0" * 100_000,
        "é" * 100_000,
        ["x"] * 10_000,
        {str(number): number for number in range(5_000)},
        "((((" * 25_000,
        10**4000,
    ],
    ids=["letters", "list", "pairs", "commas", "digits", "nuls", "wide", "members", "keys", "brackets", "number"],
)
def test_no_huge_value_holds_up_the_check(value: object) -> None:
    guest = index().get("POST", "/nodes/{node}/qemu")
    assert guest is not None
    params = {name.replace("[n]", "0"): value for name in guest.parameters}
    assert processor_seconds(lambda: index().check("POST", "/nodes/pve1/qemu", params)) < 20


def test_deep_json_is_a_fault_and_no_crash() -> None:
    deep: object = []
    for _ in range(100_000):
        deep = [deep]
    try:
        found = check("PUT", CONFIG, {"description": deep, "net0": {"a": deep}, "nosuch": deep})
        assert set(kinds(found).values()) <= {"unsendable", "unknown", "type", "format"}
    finally:
        while isinstance(deep, list) and deep:
            deep = deep.pop()


def test_many_parameters_and_a_long_path_are_no_trouble() -> None:
    def both() -> None:
        found = check("PUT", CONFIG, {f"nosuch{number}": 1 for number in range(20_000)})
        check("GET", "/nodes" * 20_000)
        assert len(found.problems) == 20_000

    assert processor_seconds(both) < 5


def test_what_a_newer_release_doesnt_publish_is_told_to_be_unsure() -> None:
    newest = index()
    newer = EndpointIndex(newest.endpoints, replace(newest.origin, version="10.1.2"))
    found = newer.check("PUT", CONFIG, {"startup": "first", "sata9": "none", "net0": "foo", "onboot": "yes"})
    assert kinds(found) == {
        "startup": "unpublished",
        "sata9": "unpublished",
        "net0": "format",
        "onboot": "type",
    }
    refusals, _ = split(found.problems, SchemaAuthority.NODE, "auto")
    assert {problem.parameter for problem in refusals} == {"net0", "onboot"}


@pytest.mark.parametrize("version", bundled_versions())
def test_every_bundled_version_judges_its_calls(version: str) -> None:
    schema = index(version)
    for endpoint in schema.endpoints:
        path = endpoint.path.replace("{vmid}", "100").replace("{", "").replace("}", "")
        found = schema.check(endpoint.method, path, {"bogus": 1})
        assert found.endpoint is endpoint
        assert all(problem.message and isinstance(problem.hint, str) for problem in found.problems)
