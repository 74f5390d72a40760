"""The firewall of vnets, and rules that no longer hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo_api import Api


@pytest.fixture
def firewall(root: Api) -> Iterator[str]:
    root.done("POST", "/cluster/sdn/zones", zone="fenced", type="simple")
    root.done("POST", "/cluster/sdn/vnets", vnet="fence", zone="fenced")
    yield "/cluster/sdn/vnets/fence/firewall"
    root.done("DELETE", "/cluster/sdn/vnets/fence")
    root.done("DELETE", "/cluster/sdn/zones/fenced")


def test_a_vnet_has_options_and_rules_of_its_own_that_forward(root: Api, firewall: str) -> None:
    root.done("PUT", f"{firewall}/options", enable=1)
    assert root.get(f"{firewall}/options")["enable"] == 1
    refused = root.refusal("POST", f"{firewall}/rules", type="in", action="ACCEPT")
    assert refused[0] == 400
    root.done("POST", f"{firewall}/rules", type="forward", action="DROP", comment="none")
    root.done("PUT", f"{firewall}/rules/0", action="ACCEPT")
    assert (root.get(f"{firewall}/rules/0")["action"], len(root.get(f"{firewall}/rules"))) == ("ACCEPT", 1)
    root.done("DELETE", f"{firewall}/rules/0")
    assert root.get(f"{firewall}/rules") == []


def test_a_rule_whose_alias_is_gone_says_so(root: Api) -> None:
    root.done("POST", "/cluster/firewall/aliases", name="office", cidr="192.0.2.0/24")
    root.done("POST", "/cluster/firewall/rules", type="in", action="ACCEPT", source="office")
    (rule,) = [each for each in root.get("/cluster/firewall/rules") if each.get("source") == "office"]
    assert "errors" not in rule
    root.done("DELETE", "/cluster/firewall/aliases/office")
    (rule,) = [each for each in root.get("/cluster/firewall/rules") if each.get("source") == "office"]
    assert rule["errors"]
    root.done("DELETE", f"/cluster/firewall/rules/{rule['pos']}")
