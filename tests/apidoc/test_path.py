"""A path as Proxmox reads it: decoded whole, split at slashes, empty parts dropped; and what is sent in its place."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc.path import ANY, ApiPath

_SEGMENTS = st.lists(st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1), max_size=6)
_PLAIN = st.lists(st.from_regex(r"[A-Za-z0-9._~:@!,-]+", fullmatch=True), max_size=6)


@given(_SEGMENTS)
def test_what_is_sent_is_read_as_the_same_segments(segments: list[str]) -> None:
    path = ApiPath.of(segments)
    assert ApiPath.parse(path.encoded).segments == path.segments == tuple(segments)
    assert ApiPath.parse(path.encoded).encoded == path.encoded


@given(_SEGMENTS)
def test_what_is_sent_has_nothing_that_a_client_or_a_proxy_would_resolve(segments: list[str]) -> None:
    encoded = ApiPath.of(segments).encoded
    assert encoded.isascii()
    assert encoded.isprintable()
    assert not set(encoded) & set(" ?#%\\") - {"%"}
    assert not {"", ".", ".."} & set(encoded.split("/")[1:]) or not segments


@given(_PLAIN, st.integers(1, 3), st.sampled_from(["", "/", "//"]))
def test_doubled_and_trailing_slashes_change_nothing(segments: list[str], slashes: int, end: str) -> None:
    written = "/" * slashes + ("/" * slashes).join(segments) + end
    assert ApiPath.parse(written) == ApiPath.of(segments)


@given(_PLAIN)
def test_a_path_encoded_by_the_caller_is_the_same_path(segments: list[str]) -> None:
    encoded = "/" + "/".join("".join(f"%{byte:02x}" for byte in segment.encode()) for segment in segments)
    assert ApiPath.parse(encoded) == ApiPath.of(segments)


@given(st.text(max_size=80))
def test_any_text_is_a_path(written: str) -> None:
    path = ApiPath.parse(written)
    assert "" not in path.segments
    assert path.encoded.startswith("/")
    assert ApiPath.parse(path.encoded).segments == tuple(
        segment.encode(errors="replace").decode() for segment in path.segments
    )
    assert not ApiPath.given(written).encoded.startswith("/api2/json/")


def test_an_encoded_slash_splits_as_in_proxmox() -> None:
    assert ApiPath.parse("/storage/nas%2Fcontent").segments == ("storage", "nas", "content")


def test_a_final_newline_is_dropped_as_by_perl() -> None:
    assert ApiPath.parse("/nodes/pve1\n").segments == ("nodes", "pve1")
    assert ApiPath.parse("/nodes/pve1%0A%0A").segments == ("nodes", "pve1\n")


def test_a_name_that_ends_in_a_newline_is_sent_so_that_proxmox_reads_that_name() -> None:
    assert ApiPath.parse("/access/users/anna@pve%0A%0A").encoded == "/access/users/anna@pve%0A%0A"
    assert ApiPath.of(["access", "users", "anna@pve\n"]).encoded == "/access/users/anna@pve%0A%0A"


@pytest.mark.parametrize("dots", [".", "..", "%2e%2E"])
def test_dots_are_segments_and_are_sent_encoded(dots: str) -> None:
    path = ApiPath.parse(f"/nodes/{dots}/qemu")
    assert path.segments == ("nodes", unquote(dots), "qemu")
    assert path.encoded == f"/nodes/{unquote(dots).replace('.', '%2E')}/qemu"


def test_the_query_becomes_parameters_and_is_not_sent_with_the_path() -> None:
    path = ApiPath.parse("/nodes/pve1/tasks?limit=5&typefilter=vzdump&x=1&x=2&x=3&empty=")
    assert path.encoded == "/nodes/pve1/tasks"
    assert path.query == {"limit": "5", "typefilter": "vzdump", "x": ["1", "2", "3"], "empty": ""}
    assert ApiPath.parse("/version?").query == {}


@pytest.mark.parametrize(
    "written",
    [
        "/nodes/pve1/qemu",
        " nodes/pve1/qemu ",
        "/api2/json/nodes/pve1/qemu",
        "api2/extjs/nodes/pve1/qemu",
        "https://10.0.0.1:8006/api2/json/nodes/pve1/qemu",
        "HTTPS://pve.example/api2/extjs/nodes/pve1/qemu",
    ],
)
def test_what_is_copied_from_elsewhere_is_the_same_path(written: str) -> None:
    assert ApiPath.given(written) == ApiPath.of(["nodes", "pve1", "qemu"])


def test_only_one_prefix_is_taken_off_and_only_at_the_beginning() -> None:
    assert ApiPath.given("/api2/json/api2/json/nodes").segments == ("api2", "json", "nodes")
    assert ApiPath.given("/nodes/api2/json").segments == ("nodes", "api2", "json")
    assert ApiPath.given("https://pve.example/nodes").segments == ("https:", "pve.example", "nodes")


@pytest.mark.parametrize(
    ("written", "node", "guest"),
    [
        ("/nodes/pve1/qemu/100/config", "pve1", ("qemu", "100")),
        ("/nodes/*/lxc/web-01", "*", ("lxc", "web-01")),
        ("/nodes/pve1", "", None),
        ("/nodes/localhost/status", "", None),
        ("/nodes/pve1/qemu", "pve1", None),
        ("/cluster/qemu/a/100", "", None),
        ("/", "", None),
    ],
)
def test_the_node_and_the_guest_are_read_from_the_path(written: str, node: str, guest: tuple[str, str] | None) -> None:
    path = ApiPath.parse(written)
    assert (path.node, path.guest) == (node, guest)


@pytest.mark.parametrize(
    ("written", "needs_lookup", "many"),
    [
        ("/nodes/pve1/qemu/100/config", False, False),
        ("/nodes/pve1/qemu/web-01/config", True, False),
        ("/nodes/*/qemu/100/config", True, False),
        ("/nodes/*/qemu/*/config", True, True),
        ("/nodes/*/status", True, True),
        ("/storage/*", True, True),
        ("/version", False, False),
    ],
)
def test_a_wildcard_is_looked_up_and_stands_for_many_except_for_the_node_of_one_guest(
    written: str, *, needs_lookup: bool, many: bool
) -> None:
    path = ApiPath.parse(written)
    assert (path.needs_lookup, path.stands_for_many) == (needs_lookup, many)


def test_a_wildcard_is_not_encoded_and_its_text_is_decoded() -> None:
    assert ApiPath.of(["nodes", ANY, "storage", "a b"]).encoded == "/nodes/*/storage/a%20b"
    assert ApiPath.parse("/nodes/%2A").segments == ("nodes", ANY)
    assert ApiPath.parse("/storage/nas/content/nas:backup%2Fa%20b").text == "/storage/nas/content/nas:backup/a b"


def test_paths_are_equal_by_what_is_sent_and_can_be_keys() -> None:
    assert {ApiPath.parse("//nodes/"), ApiPath.parse("nodes")} == {ApiPath.of(["nodes"])}
    assert str(ApiPath.parse("/a b")) == "/a%20b"
