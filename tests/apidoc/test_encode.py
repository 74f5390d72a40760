from __future__ import annotations

from typing import Any

import pytest

from proxmox_mcp.apidoc import EndpointIndex, load_index

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


def test_null_and_an_empty_array_are_absent(index: EndpointIndex) -> None:
    assert sent(index, "PUT", CONFIG, {"onboot": None, "nosuch": None}) == {}
    assert sent(index, "POST", "/nodes/pve1/vzdump", {"exclude-path": []}) == {}


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


@pytest.mark.parametrize("value", ["0", "", ["0"], [""], [None], [None, "a"]])
def test_what_proxmox_doesnt_take_for_a_list_is_a_fault(index: EndpointIndex, value: object) -> None:
    check = index.check("POST", "/nodes/pve1/qemu/100/agent/exec", {"command": value})
    assert [each.kind for each in check.problems] == ["type"]
