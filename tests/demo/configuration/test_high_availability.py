"""Resources of HA and the rules that they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo_api import Api

RULES = "/cluster/ha/rules"
KINDS = {"vm": "qemu", "ct": "lxc"}


@pytest.fixture
def resources(root: Api) -> Iterator[list[str]]:
    """A VM and a container under HA that HA leaves alone."""
    known = {each["sid"] for each in root.get("/cluster/ha/resources")}
    guests = root.get("/cluster/resources", type="vm")
    sids = [f"{kind}:{each['vmid']}" for each in guests for kind in KINDS if KINDS[kind] == each["type"]]
    made = [next(sid for sid in sids if sid.startswith(kind) and sid not in known) for kind in KINDS]
    for sid in made:
        root.done("POST", "/cluster/ha/resources", sid=sid, state="ignored")
    yield made
    for sid in made:
        if root.answer("GET", f"/cluster/ha/resources/{sid}")[0] == 200:
            root.done("DELETE", f"/cluster/ha/resources/{sid}")


def test_a_resource_is_a_guest_of_its_kind_and_has_no_group(root: Api, resources: list[str]) -> None:
    path = "/cluster/ha/resources"
    assert "does not exist in cluster" in root.refusal("POST", path, sid="ct:103")[1]
    assert "does not exist in cluster" in root.refusal("POST", path, sid="vm:999")[1]
    assert "migrated to rules" in root.refusal("POST", path, sid="vm:103", group="all")[1]
    for sid in resources:
        number = sid.partition(":")[2]
        assert root.get(f"{path}/{number}")["sid"] == sid
        assert "migrated to rules" in root.refusal("PUT", f"{path}/{sid}", group="all")[1]
        root.done("DELETE", f"{path}/{number}")
        root.done("POST", path, sid=number, state="ignored")
        assert root.get(f"{path}/{sid}")["sid"] == sid


def test_a_rule_is_changed_with_its_type_and_lists_its_resources_in_order(root: Api, resources: list[str]) -> None:
    given = {"type": "resource-affinity", "affinity": "positive"}
    root.done("POST", RULES, rule="together", resources=",".join(sorted(resources, reverse=True)), **given)
    path = f"{RULES}/together"
    assert root.get(path)["resources"] == ",".join(sorted(resources))
    assert root.refusal("PUT", path, affinity="negative")[0] == 400
    assert "unexpected property 'type'" in root.refusal("PUT", path, type="node-affinity", strict=1)[1]
    root.done("PUT", path, type="resource-affinity", affinity="negative")
    assert root.get(path)["affinity"] == "negative"
    root.done("DELETE", path)


def test_a_resource_that_goes_leaves_its_rules_and_one_alone_makes_a_rule_ineffective(
    root: Api, resources: list[str]
) -> None:
    one, other = resources
    root.done("POST", RULES, rule="apart", type="resource-affinity", affinity="negative", resources=",".join(resources))
    assert "errors" not in root.get(f"{RULES}/apart")
    root.done("DELETE", f"/cluster/ha/resources/{one}")
    left = root.get(f"{RULES}/apart")
    assert left["resources"] == other
    assert "ineffective" in left["errors"]["resources"][0]
    root.done("DELETE", f"/cluster/ha/resources/{other}")
    assert not [each for each in root.get(RULES) if each["rule"] == "apart"]
