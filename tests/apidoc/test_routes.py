"""Finding the template of a path."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apidoc_documents import document, method, node
from proxmox_mcp.apidoc import DeadEnd, Route, bundled_versions, load_index, parse_apidoc
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.routes import Router

if TYPE_CHECKING:
    from proxmox_mcp.apidoc import EndpointIndex

INDEX = load_index("9.1")


def found(path: str, index: EndpointIndex = INDEX) -> Route:
    route = index.route(path)
    assert isinstance(route, Route), route
    return route


def dead_end(path: str, index: EndpointIndex = INDEX) -> DeadEnd:
    route = index.route(path)
    assert isinstance(route, DeadEnd), route
    return route


def test_a_path_has_its_template_methods_and_parameters() -> None:
    route = found("/nodes/pve1/qemu/100/config")

    assert route.template == "/nodes/{node}/qemu/{vmid}/config"
    assert sorted(route.methods) == ["GET", "POST", "PUT"]
    assert route.params == {"node": "pve1", "vmid": "100"}


@pytest.mark.parametrize(
    "path",
    ["nodes/pve1/qemu", "//nodes///pve1//qemu/", "/nodes/pve1/qemu/", "/nodes%2Fpve1%2fqemu", "/%6eodes/pve1/qemu"],
)
def test_slashes_and_encoding_make_no_difference(path: str) -> None:
    assert found(path) == found("/nodes/pve1/qemu")


def test_case_makes_a_difference() -> None:
    assert dead_end("/Nodes/pve1").segment == "Nodes"


def test_an_encoded_slash_splits() -> None:
    assert dead_end("/nodes/a%2Fb/qemu/100/config").reached == "/nodes/{node}"


def test_a_parameter_takes_any_part_without_blanks() -> None:
    assert found("/nodes/~;$&=ü/status").params == {"node": "~;$&=ü"}
    assert dead_end("/nodes/a b/status").segment == "a b"
    assert dead_end("/nodes/a%09b/status").segment == "a\tb"


def test_one_newline_at_the_end_is_not_part_of_the_path() -> None:
    assert found("/pools/prod%0A").params == {"poolid": "prod"}
    assert found("/nodes\n").template == "/nodes"
    assert dead_end("/pools/prod%0A%0A").segment == "prod\n"
    assert dead_end("/nodes/pve1%0A/status").segment == "pve1\n"


def test_a_blank_never_fits_a_literal_part() -> None:
    assert dead_end("/%20/nodes").segment == " "
    assert dead_end("/nodes ").segment == "nodes "


def test_a_literal_part_goes_before_a_parameter() -> None:
    index = parse_apidoc(
        document(node("/a/{x}", GET=method()), node("/a/b", GET=method()), node("/a/b/c", GET=method()))
    )

    assert found("/a/b", index).template == "/a/b"
    assert found("/a/c", index).template == "/a/{x}"


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/nodes/p/storage/local/content/local:iso/debian.iso", "volume", "local:iso/debian.iso"),
        ("/nodes/p/storage/local/content/local%3Aiso%2Fdebian.iso", "volume", "local:iso/debian.iso"),
        (
            "/nodes/p/storage/pbs/content/pbs:backup/vm/100/2024-01-01T00:00:00Z/",
            "volume",
            "pbs:backup/vm/100/2024-01-01T00:00:00Z",
        ),
        ("/nodes/p/storage/local/content/local:100//a.raw", "volume", "local:100/a.raw"),
        ("/cluster/firewall/ipset/lan/10.0.0.0/8", "cidr", "10.0.0.0/8"),
        ("/nodes/p/qemu/100/firewall/ipset/lan/fd00::/8", "cidr", "fd00::/8"),
    ],
)
def test_two_parameters_take_the_rest_of_the_path(path: str, name: str, value: str) -> None:
    assert found(path).params[name] == value


def test_the_rest_of_a_path_holds_no_blank_either() -> None:
    assert dead_end("/cluster/firewall/ipset/lan/10.0.0.0/8 9").reached == "/cluster/firewall/ipset/{name}"


def test_an_unknown_path_says_how_far_it_goes_and_what_may_follow() -> None:
    end = dead_end("/nodes/pve1/qemuu/100/config")

    assert end.reached == "/nodes/{node}"
    assert end.params == {"node": "pve1"}
    assert end.segment == "qemuu"
    assert end.rest == ("100", "config")
    assert "qemu" in end.choices
    assert end.parameter == ""


def test_a_path_that_stops_short_says_what_may_follow() -> None:
    end = dead_end("/")

    assert (end.reached, end.segment, end.rest) == ("/", "", ())
    assert "nodes" in end.choices


@pytest.mark.parametrize("version", bundled_versions())
def test_every_template_of_every_version_leads_back_to_itself(version: str) -> None:
    index = load_index(version)

    for endpoint in index.endpoints:
        assert index.resolve(endpoint.method, endpoint.path) is endpoint
        assert index.get(endpoint.method, endpoint.path) is endpoint


LITERALS = {part for each in INDEX.endpoints for part in each.path.split("/")}
CHARACTERS = st.characters(codec="utf-8", exclude_characters="/", exclude_categories=["Z", "C"])
values = st.text(CHARACTERS, min_size=1).filter(lambda value: value not in LITERALS)


@given(st.data())
def test_encoded_parameters_come_back_as_they_were(data: st.DataObject) -> None:
    endpoint = data.draw(st.sampled_from(INDEX.endpoints))
    params = {name: data.draw(values) for name in endpoint.path_parameters}
    path = endpoint.path
    for name, value in params.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))

    route = found(path)

    assert route.template == endpoint.path
    assert route.params == params


@given(st.text())
def test_no_path_is_too_odd_to_look_for(path: str) -> None:
    assert isinstance(INDEX.route(path), Route | DeadEnd)


def test_a_router_of_nothing_knows_no_path() -> None:
    assert isinstance(Router(()).find(ApiPath.parse("/nodes")), DeadEnd)
