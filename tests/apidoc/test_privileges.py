from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.privileges import PLACEHOLDER, bound, needs_of, plain, reviewed, values_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TICKET_ONLY = {"/nodes/{node}/lxc/{vmid}/mtunnelwebsocket", "/nodes/{node}/qemu/{vmid}/mtunnelwebsocket"}
"""Their ticket stands for the privileges, which were checked when it was given."""


def test_the_rules_that_are_read_one_by_one_are_those_of_the_whole_document() -> None:
    text = (data_directory() / "privileges.toml").read_text(encoding="utf-8")
    rules = tomllib.loads(text)["rule"]
    assert len(rules) == text.count("\n[[rule]]\n") > 40
    assert {need.source for needs in reviewed().values() for need in needs} == {rule["source"] for rule in rules}


def test_every_rule_is_about_an_endpoint_that_a_bundled_version_has() -> None:
    indexes = [load_index(version) for version in bundled_versions()]
    unknown = [call for call in reviewed() if not any(index.get(*call.split(" ", 1)) for index in indexes)]
    assert unknown == []


def test_every_parameter_that_a_rule_names_is_one_of_an_endpoint_of_the_rule() -> None:
    known: dict[Any, set[str]] = {}
    indexes = [load_index(version) for version in bundled_versions()]
    for call, needs in reviewed().items():
        endpoints = [endpoint for index in indexes if (endpoint := index.get(*call.split(" ", 1)))]
        names = {name for endpoint in endpoints for name in endpoint.parameters}
        for need in needs:
            known.setdefault((need.given, need.absent, need.source), set()).update(names)
    for (given, absent, source), names in known.items():
        assert {*given, *absent} <= names, source


def test_every_endpoint_that_checks_more_in_its_code_is_reviewed(shared_data: Path) -> None:
    """The prose of Proxmox's document, which is not in the repository, says which endpoints do."""
    for name in ("pve-9.1.3.js", "pve-9.2-head.js"):
        index = load_index(shared_data / "apidoc" / name)
        told = [each for each in index.endpoints if each.permissions.user == "all" and each.permissions.description]
        assert len(told) > 70
        missing = {each.path for each in told if not needs_of(each.method, each.path)}
        assert missing <= TICKET_ONLY


def test_no_sentence_of_proxmoxs_is_among_the_facts(shared_data: Path) -> None:
    index = load_index(shared_data / "apidoc" / "pve-9.2-head.js")
    prose = " ".join(each.permissions.description for each in index.endpoints).lower()
    ours = {need.when for needs in reviewed().values() for need in needs if need.when.count(" ") > 3}
    assert not {when for when in ours if when.lower() in prose}


def _paths(check: tuple[Any, ...]) -> Iterator[str]:
    if check[0] in ("and", "or"):
        for part in check[1:]:
            yield from _paths(part)
    elif check:
        yield check[1]


def test_a_rule_that_always_counts_reads_as_published_permissions_do() -> None:
    for call, needs in reviewed().items():
        for need in needs:
            assert bool(need.check) != need.root, call
            for path in _paths(need.check) if need.check else ():
                assert path.startswith("/") or path == "{path}", call
                assert PLACEHOLDER.sub("", plain(path)).count("{") == 0


@pytest.mark.parametrize(
    ("how", "value", "found"),
    [
        ("", "x", ["x"]),
        ("", None, []),
        ("each", "100, 101;102", ["100", "101", "102"]),
        ("each", ["100", "101"], ["100", "101"]),
        ("storage", "local-lvm:32,discard=on", ["local-lvm"]),
        ("storage", "file=nas:iso/a.iso,media=cdrom", ["nas"]),
        ("storage", "none,media=cdrom", []),
        ("storage", "/dev/sdb", []),
        ("owner", "nas:backup/vzdump-qemu-100-2026_01_01-00_00_00.vma.zst", ["100"]),
        ("owner", "pbs:backup/ct/101/2026-01-01T00:00:00Z", ["101"]),
        ("owner", "local-lvm:vm-102-disk-0,size=8G", ["102"]),
        ("owner", "local:103/base-103-disk-0.qcow2", ["103"]),
        ("owner", "nas:iso/a.iso", []),
        ("guest", "100-0", ["100"]),
        ("=bridge", "virtio,bridge=vmbr0,tag=5", ["vmbr0"]),
        ("=bridge", "virtio", []),
    ],
)
def test_what_a_placeholder_takes_from_a_value(how: str, value: object, found: list[str]) -> None:
    assert values_from(how, value) == found


def test_a_placeholder_that_stands_for_several_is_asked_for_each() -> None:
    check = ("perm", "/vms/{vms|each}", ("VM.Migrate",))
    assert bound(check, {"vms": "100 101"}) == (
        "and",
        ("perm", "/vms/100", ("VM.Migrate",)),
        ("perm", "/vms/101", ("VM.Migrate",)),
    )
    assert bound(check, {}) == check
