from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc import EndpointIndex, bundled_versions, load_index
from proxmox_mcp.apidoc.validation import encode

CONFIG = "/nodes/pve1/qemu/100/config"


@pytest.fixture(scope="module")
def index() -> EndpointIndex:
    return load_index("9.1")


def sent(index: EndpointIndex, method: str, path: str, params: dict[str, Any]) -> dict[str, Any]:
    check = index.check(method, path, params)
    assert check.ok, [(each.parameter, each.message) for each in check.problems]
    return check.data


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "1"), (False, "0"), ("1", "1"), (1, "1"), (1.0, "1"), ([True], "1")],
)
def test_a_boolean_is_sent_as_1_or_0(index: EndpointIndex, value: object, text: str) -> None:
    assert sent(index, "PUT", CONFIG, {"onboot": value}) == {"onboot": text}


def test_null_is_absent(index: EndpointIndex) -> None:
    assert sent(index, "PUT", CONFIG, {"onboot": None, "nosuch": None}) == {}


@pytest.mark.parametrize("version", bundled_versions())
def test_an_empty_list_is_sent_to_every_array_and_never_vanishes_from_a_body(version: str) -> None:
    index = load_index(version)
    for endpoint in index.endpoints:
        for name, schema in endpoint.parameters.items():
            if name in endpoint.path_parameters or endpoint.method in encode.IN_QUERY:
                continue
            check = index.check(endpoint.method, endpoint.path, {name: []})
            said = {problem.parameter for problem in check.problems}
            if schema.type == "array":
                assert (check.data[name], name in said) == ([], False), (endpoint, name)
                assert encode.needs_json(check.data)
            else:
                assert name in said or check.data[name] in ("", "0", "[]"), (endpoint, name)


def test_an_empty_list_for_a_text_is_refused_with_the_way_to_unset_it(index: EndpointIndex) -> None:
    (problem,) = index.check("PUT", CONFIG, {"boot": []}).problems
    assert (problem.parameter, problem.kind, problem.message) == (
        "boot",
        "type",
        "expects one value, not an empty list",
    )
    assert problem.hint.startswith("To unset it, send delete=boot.")


@pytest.mark.parametrize(("method", "known"), [("GET", True), ("GET", False), ("DELETE", False)])
def test_an_empty_list_that_a_query_cant_carry_is_refused(index: EndpointIndex, method: str, known: bool) -> None:
    path = "/nodes/pve1/qemu/100/agent" if known else "/nodes/pve1/unheard-of"
    check = index.check(method, path, {"some": []})
    assert {each.parameter: each.kind for each in check.problems}["some"] == "unsendable"
    assert check.data == {}


def as_proxmox_reads_a_form(data: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
    """What arrives: keys that are repeated become a list, and where an array is wanted a true scalar becomes one
    (PVE::APIServer::AnyEvent::decode_urlencoded, PVE::RESTHandler::handle)."""
    arrived: dict[str, list[str]] = {}
    for name, value in parse_qsl(urlencode(data, doseq=True), keep_blank_values=True):
        arrived.setdefault(name, []).append(value)
    return {
        name: values if len(values) > 1 or (isinstance(data[name], list) and values[0] not in ("", "0")) else values[0]
        for name, values in arrived.items()
    }


TEXTS = st.sampled_from(["", "0", "00", "a", "0.0", " "])


@given(st.dictionaries(st.sampled_from("abc"), TEXTS | st.lists(TEXTS, max_size=3)))
def test_the_body_is_json_exactly_where_a_form_would_arrive_as_something_else(
    data: dict[str, str | list[str]],
) -> None:
    assert encode.needs_json(data) == (as_proxmox_reads_a_form(data) != data)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"hotplug": ["disk", "network"]}, "disk,network"),
        ({"hotplug": []}, "0"),
        ({"hotplug": False}, "0"),
        ({"boot": ["scsi0", "net0"]}, "order=scsi0;net0"),
        ({"boot": {"order": ["scsi0", "net0"]}}, "order=scsi0;net0"),
        ({"boot": ["order=scsi0;net0"]}, "order=scsi0;net0"),
        ({"affinity": [0, "2-4"]}, "0,2-4"),
        ({"searchdomain": ["a.example", "b.example"]}, "a.example b.example"),
        ({"nameserver": ["10.0.0.1", "10.0.0.2"]}, "10.0.0.1 10.0.0.2"),
        ({"startup": {"order": 1, "up": 30, "down": None}}, "order=1,up=30"),
        ({"tags": ["a", "b"]}, "a,b"),
    ],
)
def test_lists_and_objects_are_written_as_the_options_of_a_guest(
    index: EndpointIndex, params: dict[str, Any], text: str
) -> None:
    (name,) = params
    assert sent(index, "PUT", CONFIG, params) == {name: text}


@pytest.mark.parametrize(
    ("method", "path", "params", "text"),
    [
        ("PUT", "/cluster/options", {"registered-tags": ["a", "b"]}, "a;b"),
        ("PUT", "/nodes/pve1/lxc/100/config", {"searchdomain": ["a.example", "b.example"]}, "a.example b.example"),
        ("PUT", "/access/domains/ad1", {"sync_attributes": {"email": "mail", "firstname": "fn"}}, None),
        ("POST", "/access/domains/ad1/sync", {"remove-vanished": ["acl", "entry"]}, "acl;entry"),
        ("PUT", "/cluster/firewall/rules/0", {"source": ["10.0.0.0/8", "192.168.0.1"]}, "10.0.0.0/8,192.168.0.1"),
        ("PUT", "/nodes/pve1/firewall/rules/0", {"dport": [80, 443, "8000:8080"]}, "80,443,8000:8080"),
        ("PUT", "/nodes/pve1/qemu/100/firewall/rules/0", {"dest": ["10.0.0.1"], "sport": None}, "10.0.0.1"),
        ("PUT", "/storage/nas", {"options": ["vers=4.2", "soft"]}, "vers=4.2,soft"),
    ],
)
def test_lists_and_objects_are_written_as_the_other_endpoints_want_them(
    index: EndpointIndex, method: str, path: str, params: dict[str, Any], text: str | None
) -> None:
    name = next(iter(params))
    assert sent(index, method, path, params)[name] == (text or "email=mail,firstname=fn")


def test_a_list_whose_members_proxmox_would_refuse_is_a_fault(index: EndpointIndex) -> None:
    faulty = {"boot": ["nosuch0"], "hotplug": ["fan"], "affinity": ["x"], "startup": {"ordr": 1}}
    assert {each.parameter for each in index.check("PUT", CONFIG, faulty).problems} == set(faulty)


def test_a_list_is_joined_for_a_list_format(index: EndpointIndex) -> None:
    assert sent(index, "PUT", CONFIG, {"delete": ["net0", "net1"]}) == {"delete": "net0,net1"}
    assert sent(index, "PUT", CONFIG, {"tags": []}) == {"tags": ""}


def test_a_list_is_repeated_for_an_array(index: EndpointIndex) -> None:
    command = "/nodes/pve1/qemu/100/agent/exec"
    assert sent(index, "POST", command, {"command": ["ls", "-l"]}) == {"command": ["ls", "-l"]}
    assert sent(index, "POST", command, {"command": "ls"}) == {"command": ["ls"]}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"virtio": None, "bridge": "vmbr0"}, "virtio,bridge=vmbr0"),
        ({"model": "virtio", "firewall": True, "tag": 20}, "model=virtio,firewall=1,tag=20"),
        ({"model": "virtio", "trunks": [10, 20], "rate": None}, "model=virtio,trunks=10;20"),
        ({"virtio": "BC:24:11:00:00:01", "bridge": "vmbr0"}, "virtio=BC:24:11:00:00:01,bridge=vmbr0"),
    ],
)
def test_an_object_is_sent_as_a_property_string(index: EndpointIndex, value: object, text: str) -> None:
    assert sent(index, "PUT", CONFIG, {"net0": value}) == {"net0": text}


def test_an_object_with_a_value_as_bare_key_is_a_property_string_too(index: EndpointIndex) -> None:
    value = {"local-lvm:32": None, "discard": "on"}
    assert sent(index, "PUT", CONFIG, {"scsi0": value}) == {"scsi0": "local-lvm:32,discard=on"}


def test_an_object_for_a_plain_text_is_sent_as_json(index: EndpointIndex) -> None:
    assert sent(index, "PUT", CONFIG, {"description": {"a": [1, None]}}) == {"description": '{"a":[1,null]}'}


def test_commands_are_sent_as_json(index: EndpointIndex) -> None:
    commands = [{"method": "GET", "path": "version"}]
    assert sent(index, "POST", "/nodes/pve1/execute", {"commands": commands}) == {
        "commands": '[{"method":"GET","path":"version"}]'
    }


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (["a", "b"], "type"),
        ({"model": "virtio", "bridge": "vmbr0,firewall=0"}, "format"),
        ({"a,b": None}, "format"),
        ({"model": {"deep": 1}}, "type"),
        ({"model": "virtio", "bridge": ""}, "format"),
    ],
)
def test_what_a_property_string_cant_hold_is_a_fault(index: EndpointIndex, value: object, kind: str) -> None:
    check = index.check("PUT", CONFIG, {"net0": value})
    assert [each.kind for each in check.problems] == [kind]


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), b"bytes", object(), 10**5000, "\ud800", {"a": object()}],
    ids=["nan", "inf", "bytes", "object", "digits", "surrogate", "within"],
)
def test_what_cant_be_sent_is_a_fault_and_is_not_kept(index: EndpointIndex, value: object) -> None:
    check = index.check("PUT", CONFIG, {"description": value})
    assert [each.kind for each in check.problems] == ["unsendable"]
    assert check.data == {}


@pytest.mark.parametrize("value", [["0"], [""], [0], [False]])
def test_a_list_of_one_that_a_form_cant_carry_is_sent_as_a_list(index: EndpointIndex, value: list[object]) -> None:
    command = "/nodes/pve1/qemu/100/agent/exec"
    data = sent(index, "POST", command, {"command": value})
    assert data == {"command": ["" if value == [""] else "0"]}
    assert encode.needs_json(data)


@pytest.mark.parametrize("value", ["0", "", [None], [None, "a"]])
def test_what_proxmox_doesnt_take_for_a_list_is_a_fault(index: EndpointIndex, value: object) -> None:
    check = index.check("POST", "/nodes/pve1/qemu/100/agent/exec", {"command": value})
    assert [each.kind for each in check.problems] == ["type"]
