"""What decides about a call, as ``proxmox-mcp policy explain`` tells it: with the cluster, and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.load import load_bundled
from proxmox_mcp.errors import InvalidCallError, TargetError
from proxmox_mcp.gateway.explain import Explanation, explain, explain_offline
from proxmox_mcp.policy.caller import LOCAL, Mode
from proxmox_mcp.policy.policy import Policy
from proxmox_mcp.policy.rules import Rule, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox.raw_server import RawServer
    from proxmox_mcp.gateway import Gateway

GUARDED = Policy(Mode.GUARDED, [])


@pytest.mark.anyio
async def test_an_explanation_names_the_rule_and_what_the_others_lacked(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway = gateway_to(recorder.port, '[[rule]]\nverdict = "deny"\npool = "production"\n')
    said = (await explain(gateway, LOCAL, "DELETE", "/nodes/pve1/qemu/100", {})).as_text()
    assert said.splitlines()[-1] == "decision: deny: rule 1 (policy.toml, line 1)"
    said = (await explain(gateway, LOCAL, "DELETE", "/nodes/pve1/qemu/101", {})).as_text()
    assert "rule 1 (policy.toml, line 1), deny: no, by its pool" in said
    assert said.splitlines()[-1].startswith("decision: confirm: guarded mode")


@pytest.mark.anyio
async def test_an_explanation_is_of_the_place_that_a_path_stands_for(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway = gateway_to(recorder.port, '[[rule]]\nverdict = "deny"\npool = "production"\n')
    named = (await explain(gateway, LOCAL, "delete", "nodes/*/qemu/web-02", {})).as_text()
    assert "rule 1 (policy.toml, line 1), deny: no, by its pool" in named
    many = (await explain(gateway, LOCAL, "GET", "/nodes/*/qemu/*/config", {})).as_text()
    assert many.startswith("/nodes/pve1/qemu/100/config, the first of 4 places\nGET /nodes/{node}/qemu/{vmid}/config\n")
    with pytest.raises(TargetError):
        await explain(gateway, LOCAL, "DELETE", "/nodes/*/qemu/nobody", {})
    with pytest.raises(InvalidCallError, match="PATCH"):
        await explain(gateway, LOCAL, "PATCH", "/nodes", {})


@pytest.mark.anyio
async def test_an_explanation_says_that_the_schema_knows_no_such_endpoint(gateway: Gateway) -> None:
    told = (await explain(gateway, LOCAL, "GET", "/nowhere", {})).as_text()
    assert "The API has no path '/nowhere'" in told


@pytest.mark.anyio
async def test_a_call_that_proxmox_would_refuse_is_explained_all_the_same(gateway: Gateway) -> None:
    doubted = (await explain(gateway, LOCAL, "DELETE", "/nodes/pve1/qemu/100", {"purge": "perhaps"})).as_text()
    assert "decision: confirm: guarded mode" in doubted
    assert "doesn't know this, but the node may:\n- purge: 'perhaps' is not a boolean." in doubted
    path, data = "/nodes/pve1/qemu/100/agent/exec", {"command": "ls -la"}
    refused = (await explain(gateway, LOCAL, "POST", path, data)).as_text()
    assert refused.splitlines()[-1].startswith("Proxmox would refuse it: command: 'ls -la' is one text")


def offline(policy: Policy, method: str, path: str, data: dict[str, Any] | None = None) -> Explanation:
    return explain_offline(load_bundled("9.2"), bundled_effects(), policy, LOCAL, method, path, data or {})


def test_for_programs_the_mode_or_the_rule_that_decides_is_named_apart() -> None:
    by_mode = offline(GUARDED, "DELETE", "/nodes/pve1/qemu/100").as_data()
    assert (by_mode["verdict"], by_mode["by"], by_mode["rule"]) == ("confirm", "mode", "")
    assert {"effect": "destroy"}.items() <= by_mode["effects"][0].items()
    assert by_mode["targets"]["guests"] == [100]
    assert by_mode["reviewed"] is True
    rule = Rule(verdict=Verdict.CONFIRM, by_person=True, snapshot=True, source="policy.toml", number=1, line=4)
    by_rule = offline(Policy(Mode.GUARDED, [rule]), "delete", "/nodes/pve1/qemu/100").as_data()
    assert (by_rule["verdict"], by_rule["by"]) == ("confirm", "rule")
    assert by_rule["rule"] == rule.where
    assert (by_rule["person_only"], by_rule["snapshot"]) == (True, True)


def test_without_a_cluster_what_its_state_would_decide_counts_against_the_call() -> None:
    deny = Rule(verdict=Verdict.DENY, pools=("production",))
    assert offline(Policy(Mode.FULL, [deny]), "DELETE", "/nodes/pve1/qemu/100").as_data()["verdict"] == "deny"


def test_without_a_cluster_what_proxmox_would_refuse_is_said_of_the_first_faults() -> None:
    wrong = {f"none-{n}": "1" for n in range(9)}
    told = offline(GUARDED, "PUT", "/nodes/pve1/qemu/100/config", wrong).as_text().splitlines()[-1]
    assert told.startswith("Proxmox would refuse it: none-0: ")
    assert told.count("none-") == 6


def test_without_a_cluster_too_a_method_that_is_none_is_an_error() -> None:
    with pytest.raises(InvalidCallError, match="PATCH"):
        offline(GUARDED, "PATCH", "/nodes")
