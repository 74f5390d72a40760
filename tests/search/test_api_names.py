"""The API's own words find their endpoint, a parameter's name the endpoints that take it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc import EndpointIndex, load_index
from proxmox_mcp.search import Searcher
from proxmox_mcp.search.api_names import ApiNames, NamedEndpoints, arranged, named_in
from proxmox_mcp.search.documents import parameter_names
from searchers import searcher

_INDEX = load_index("9.2")
_NAMES = ApiNames(_INDEX.endpoints, frozenset({"/cluster", "/cluster/ha"}))


def _calls(numbers: object) -> list[str]:
    assert isinstance(numbers, tuple | frozenset)
    return [f"{_INDEX.endpoints[number].method} {_INDEX.endpoints[number].path}" for number in numbers]


def _found(query: str, limit: int = 5) -> list[str]:
    return [f"{hit.endpoint.method} {hit.endpoint.path}" for hit in searcher("9.2").search(query, limit)]


def _segments(path: str) -> set[str]:
    return {segment for segment in path.split("/") if segment and not segment.startswith("{")}


def _takers(index: EndpointIndex) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for endpoint in index.endpoints:
        for name in parameter_names(json.loads(endpoint.facts)["parameters"]):
            if name not in endpoint.path_parameters:
                found.setdefault(name.lower().replace("_", "-"), set()).add((endpoint.method, endpoint.path))
    return found


@pytest.mark.parametrize("version", ["7.4", "9.2"])
def test_every_literal_segment_alone_or_behind_the_product_finds_a_path_with_it(version: str) -> None:
    searcher = Searcher(load_index(version))
    segments = set[str]().union(*(_segments(endpoint.path) for endpoint in searcher.index.endpoints))
    questions = [(segment, asked) for segment in sorted(segments) for asked in (segment, f"proxmox api {segment}")]
    assert len(questions) >= 400
    missed = [
        asked
        for segment, asked in questions
        if not any(segment in _segments(hit.endpoint.path) for hit in searcher.search(asked, 5))
    ]
    assert not missed


def test_the_name_of_a_parameter_finds_an_endpoint_that_takes_it() -> None:
    takers = _takers(_INDEX)
    assert len(takers) >= 600
    missed = [
        name
        for name, calls in takers.items()
        if not any(
            (hit.endpoint.method, hit.endpoint.path) in calls
            for hit in searcher("9.2").search(name.replace("[n]", "0"), 5)
        )
    ]
    assert not missed


@pytest.mark.parametrize("name", ["bwlimit", "tags", "with-local-disks", "max_restart", "prune-backups", "hookscript"])
def test_the_endpoints_that_take_a_parameter_come_first_and_say_so(name: str) -> None:
    count = min(5, len(_takers(_INDEX)[name.replace("_", "-")]))
    hits = searcher("9.2").search(f"which endpoints take the parameter {name}", count)
    assert [hit.parameter for hit in hits] == [name] * count
    assert all(name in hit.endpoint.parameters for hit in hits)


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("rrddata", "GET /nodes/{node}/rrddata"),
        ("migrateall", "POST /nodes/{node}/migrateall"),
        ("proxmox api vncwebsocket", "GET /nodes/{node}/vncwebsocket"),
        ("agent exec", "POST /nodes/{node}/qemu/{vmid}/agent/exec"),
        ("resources", "GET /cluster/resources"),
        ("the startall endpoint", "POST /nodes/{node}/startall"),
        ("users", "GET /access/users"),
    ],
)
def test_the_end_of_a_path_comes_first(asked: str, first: str) -> None:
    kind = first.replace("/qemu/", "/lxc/")
    assert _found(asked)[0] in (first, kind)


def test_a_directory_does_not_come_before_what_does_something() -> None:
    found = _found("ceph")
    assert "GET /cluster/ceph" in found
    assert found[0].endswith("/status")


def test_words_that_mean_more_than_a_name_change_nothing() -> None:
    assert not _NAMES.of("take a snapshot of vm 100").is_something
    assert not _NAMES.of("").is_something
    assert not _NAMES.of("the api").is_something


def test_a_name_that_is_also_a_word_of_talk_is_found() -> None:
    assert _calls(_NAMES.of("proxmox api endpoints").spelled) == ["GET /cluster/notifications/endpoints"]
    assert "GET /cluster/bulk-action/guest" in _calls(_NAMES.of("guest").spelled)


def test_other_forms_of_a_segment_are_alike() -> None:
    named = _NAMES.of("user")
    assert "GET /access/users" in _calls(named.alike)
    assert "GET /access/users" not in _calls(named.spelled)


def test_a_directory_is_told_from_other_endpoints_of_its_path() -> None:
    named = _NAMES.of("ha")
    assert "GET /cluster/ha" in _calls(named.directories)


def test_asking_for_a_parameter_leaves_paths_of_that_name_out() -> None:
    assert _NAMES.of("pool").alike
    named = _NAMES.of("the pool parameter")
    assert not named.alike
    assert named.parameter == "pool"


def test_a_number_stands_for_the_index_of_a_parameter() -> None:
    assert _NAMES.of("scsi12").parameter == "scsi[n]"
    assert _NAMES.of("net[n]").parameter == "net[n]"
    assert _NAMES.of("ip6").parameter == "ip6"


def test_what_was_named_keeps_a_place_among_the_first() -> None:
    scores = {number: 2.0 - number / 10 for number in range(8)}
    named = NamedEndpoints(alike=(7, 20), spelled=frozenset({20}), directories=frozenset({7, 20}), takers=(30,))
    order = [number for number, _ in arranged(scores, named)]
    assert order.index(20) <= 2
    assert order.index(30) <= 4
    assert sorted(order) == [*range(8), 20, 30]


@given(st.dictionaries(st.integers(0, 30), st.floats(0, 2)), st.lists(st.integers(0, 40), max_size=5, unique=True))
def test_nothing_is_lost_or_doubled_by_arranging(scores: dict[int, float], numbers: list[int]) -> None:
    for named in (NamedEndpoints(alike=tuple(numbers)), NamedEndpoints(takers=tuple(numbers))):
        order = [number for number, _ in arranged(scores, named)]
        assert len(order) == len(set(order))
        assert set(order) == set(scores) | set(numbers)


@given(st.text(max_size=100))
def test_any_text_can_be_asked(query: str) -> None:
    named = _NAMES.of(query)
    assert set(named.spelled) <= set(named.alike)


def test_the_parameters_that_a_question_names_come_in_its_order() -> None:
    names = ["storage", "full", "target-storage", "net[n]", "name", "max_restart"]
    assert named_in("a full clone on other storage", names) == ["full", "storage"]
    assert named_in("net0 and net1, name=web, max-restart 3", names) == ["net[n]", "name", "max_restart"]
    assert named_in("migrate to the target storage", names) == ["target-storage", "storage"]
    assert named_in("", names) == []
