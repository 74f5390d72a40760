from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.apidoc.validation.authority import SchemaAuthority, split

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.validation.authority import ValidationMode

CONFIG = "/nodes/pve1/qemu/100/config"
PARAMS = {"onboot": "yes", "brand-new": 1, "sata9": "none", "ostype": "l99"}


def refused(
    authority: SchemaAuthority, mode: ValidationMode = "auto", params: dict[str, Any] | None = None
) -> set[str]:
    found = load_index("9.1").check("PUT", CONFIG, PARAMS if params is None else params)
    refusals, doubts = split(found.problems, authority, mode)
    assert len(refusals) + len(doubts) == len(found.problems)
    return {problem.parameter for problem in refusals}


@pytest.mark.parametrize(
    ("schema", "node", "authority"),
    [
        ("9.1.3", "9.1.3", SchemaAuthority.NODE),
        ("9.1.3", "9.1.9", SchemaAuthority.SNAPSHOT),
        ("9.1", "9.1.9", SchemaAuthority.SNAPSHOT),
        ("9.1.3", "9.2.1", SchemaAuthority.OTHER),
        ("9.1.3", "8.4.5", SchemaAuthority.OTHER),
        ("9.1.3", "", SchemaAuthority.SNAPSHOT),
        ("", "9.1.3", SchemaAuthority.SNAPSHOT),
    ],
)
def test_how_far_a_schema_speaks_for_a_node_is_told_by_their_versions(
    schema: str, node: str, authority: SchemaAuthority
) -> None:
    assert SchemaAuthority.of(schema, node) is authority


def test_every_fault_by_the_nodes_own_schema_is_a_refusal() -> None:
    assert refused(SchemaAuthority.NODE) == set(PARAMS)


def test_by_a_schema_of_the_same_release_what_it_may_lack_is_a_doubt() -> None:
    assert refused(SchemaAuthority.SNAPSHOT) == {"onboot", "ostype"}


def test_by_a_schema_of_another_release_what_may_differ_is_a_doubt_too() -> None:
    assert refused(SchemaAuthority.OTHER) == {"onboot"}


def test_enforce_refuses_all_and_warn_refuses_nothing_that_can_be_sent() -> None:
    assert refused(SchemaAuthority.OTHER, "enforce") == set(PARAMS)
    assert refused(SchemaAuthority.NODE, "warn") == set()
    assert refused(SchemaAuthority.NODE, "warn", {"description": "\ud800", "vmid": 200}) == {"description", "vmid"}


def test_an_endpoint_that_a_newer_node_has_is_a_doubt_and_can_be_sent() -> None:
    found = load_index("8.4").check("POST", "/cluster/ha/rules", {"rule": "r1", "type": "node-affinity"})
    refusals, doubts = split(found.problems, SchemaAuthority.of("8.4.5", "9.1.9"), "auto")
    assert refusals == []
    assert [doubt.kind for doubt in doubts] == ["endpoint"]
    assert (found.path, found.data) == ("/cluster/ha/rules", {"rule": "r1", "type": "node-affinity"})


def test_in_a_rolling_upgrade_each_node_is_judged_by_its_own_version() -> None:
    found = load_index("9.2").check("PUT", CONFIG, {"brand-new": 1})
    upgraded, _ = split(found.problems, SchemaAuthority.of("9.2.1", "9.2.1"), "auto")
    waiting, doubts = split(found.problems, SchemaAuthority.of("9.2.1", "9.1.9"), "auto")
    assert [problem.parameter for problem in upgraded] == ["brand-new"]
    assert waiting == []
    assert [problem.parameter for problem in doubts] == ["brand-new"]
