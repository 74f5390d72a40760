from __future__ import annotations

import pytest

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.search.browse import PathQuery, browse, exact, mentioned, path_query

_ENDPOINTS = load_index("9.1").endpoints


def _found(query: str) -> list[str]:
    path = path_query(query)
    assert path is not None
    return [f"{endpoint.method} {endpoint.path}" for endpoint in browse(_ENDPOINTS, path)]


def test_a_path_gives_its_methods_and_then_what_lies_below() -> None:
    found = _found("/cluster/ha/resources")
    assert set(found[:2]) == {"GET /cluster/ha/resources", "POST /cluster/ha/resources"}
    assert "POST /cluster/ha/resources/{sid}/migrate" in found[2:]


def test_a_method_before_the_path_is_kept_to() -> None:
    assert _found("DELETE /nodes/{node}/qemu/{vmid}")[0] == "DELETE /nodes/{node}/qemu/{vmid}"
    assert {line.split()[0] for line in _found("delete /nodes/{node}/qemu/{vmid}")} == {"DELETE"}


def test_values_fit_placeholders() -> None:
    assert _found("/nodes/pve1/qemu/100/config")[0].endswith("/nodes/{node}/qemu/{vmid}/config")


def test_a_fixed_name_is_nearer_than_a_placeholder() -> None:
    assert _found("GET /cluster/sdn/fabrics/fabric")[0] == "GET /cluster/sdn/fabrics/fabric"


def test_a_segment_may_be_begun_only() -> None:
    assert "GET /nodes/{node}/qemu/{vmid}/status" in _found("/nodes/{node}/qemu/{vmid}/sta")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("pvesh get /pools", PathQuery(("pools",), "GET")),
        ("pvesh create /pools", PathQuery(("pools",), "POST")),
        ("pvesh ls /nodes", PathQuery(("nodes",))),
        ("/api2/json/version", PathQuery(("version",))),
        ("nodes/pve1/status", PathQuery(("nodes", "pve1", "status"))),
        ("/", PathQuery(())),
    ],
)
def test_the_ways_of_writing_a_path(query: str, expected: PathQuery) -> None:
    assert path_query(query) == expected


@pytest.mark.parametrize("query", ["list snapshots", "edit /etc/hosts on the node", "delete", ""])
def test_a_question_is_no_path(query: str) -> None:
    assert path_query(query) is None


def test_everything_lies_below_the_root() -> None:
    assert len(_found("/")) == len(_ENDPOINTS)


@pytest.mark.parametrize(
    ("query", "method"),
    [
        ("POST /nodes/pve1/qemu/100/status/start", ""),
        ("/nodes/{node}/qemu/{vmid}/status/start", "POST"),
        ("/nodes/{node}/qemu/{vmid}/status/start", ""),
        ("pvesh create /nodes/pve1/qemu/100/status/start", ""),
    ],
)
def test_a_path_that_leaves_no_choice_names_its_endpoint(query: str, method: str) -> None:
    found = exact(_ENDPOINTS, query, method)
    assert found is not None
    assert (found.method, found.path) == ("POST", "/nodes/{node}/qemu/{vmid}/status/start")


@pytest.mark.parametrize("query", ["/cluster/ha/resources", "start a vm", "/"])
def test_a_path_that_leaves_a_choice_names_none(query: str) -> None:
    assert exact(_ENDPOINTS, query) is None


def _mentioned(query: str) -> list[str]:
    return [f"{endpoint.method} {endpoint.path}" for endpoint in mentioned(_ENDPOINTS, query)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("what does POST /nodes/{node}/qemu/{vmid}/clone take", ["POST /nodes/{node}/qemu/{vmid}/clone"]),
        ("pvesh set /cluster/options -keyboard de", ["PUT /cluster/options"]),
        ("pvesh create /access/users --userid bob@pve", ["POST /access/users"]),
        ("curl -X DELETE https://pve:8006/api2/json/pools/dev?force=1 -k", ["DELETE /pools/{poolid}"]),
        ("parameters of `/nodes/pve1/vzdump`, please", ["POST /nodes/{node}/vzdump"]),
        ("GET https://pve:8006/api2/json/cluster/resources?type=vm", ["GET /cluster/resources"]),
    ],
)
def test_a_path_or_url_among_other_words_is_found(query: str, found: list[str]) -> None:
    assert _mentioned(query) == found


@pytest.mark.parametrize(
    "query",
    [
        "grant a role on /storage/local",
        "give bob access to /vms/100",
        "permission for /nodes/pve1 is missing",
        "who may do what on /access/groups",
        "show /etc/pve/nodes/pve1/qemu-server/100.conf",
        "mount /nodes in a container",
        "list /nodes/pve1/nothing",
    ],
)
def test_the_path_of_a_permission_or_of_a_file_is_no_endpoint(query: str) -> None:
    assert _mentioned(query) == []
