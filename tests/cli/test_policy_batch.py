"""``proxmox-mcp policy explain --batch`` without a cluster: the contract for programs, and the samples through it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.cli import commands

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VM = "/nodes/pve1/qemu/100/config"


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROXMOX_HOST", "MCP_CLUSTERS_FILE", "MCP_POLICY_FILE", "MCP_MODE"):
        monkeypatch.delenv(name, raising=False)


def explained(lines: Iterable[str]) -> list[dict[str, Any]]:
    result = CliRunner().invoke(commands, ["policy", "explain", "--batch", "-"], input="\n".join(lines) + "\n")
    if isinstance(result.exception, Exception):
        raise result.exception
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def call(method: str, path: str, **params: Any) -> str:
    return json.dumps({"method": method, "path": path, "params": params})


def effects(found: dict[str, Any]) -> set[str]:
    return {cause["effect"] for cause in found["effects"]}


def test_the_samples_are_judged_as_somebody_who_knows_proxmox_did(shared_data: Path) -> None:
    lines = (shared_data / "effects" / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    cases, judged = [json.loads(line) for line in lines], explained(lines)
    assert len(judged) == len(cases) > 40
    wrong = [
        (case, found)
        for case, found in zip(cases, judged, strict=True)
        if not set(case["must"]) <= effects(found)
        or set(case["must_not"]) & effects(found)
        or case["confirm"] not in (None, found["verdict"] == "confirm")
    ]
    assert not wrong


def test_each_line_says_effects_with_their_causes_the_verdict_what_decides_and_the_targets() -> None:
    (found,) = explained([call("PUT", VM, delete="scsi0", serial0="/dev/ttyS0", memory=2048)])
    assert {(cause["effect"], cause["parameter"]) for cause in found["effects"]} == {
        ("change", ""),
        ("destroy", "delete"),
        ("access", "serial0"),
    }
    assert all(set(cause) == {"effect", "parameter", "why"} and cause["why"] for cause in found["effects"])
    assert (found["verdict"], found["by"], found["rule"]) == ("confirm", "mode", "")
    assert found["targets"] == {"guests": [100], "nodes": ["pve1"]}


def test_the_rule_that_decides_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[[rule]]\nverdict = "deny"\neffect = "destroy"\n')
    monkeypatch.setenv("MCP_POLICY_FILE", str(file))
    denied, allowed = explained([call("DELETE", "/nodes/pve1/qemu/100"), call("GET", "/nodes")])
    assert (denied["verdict"], denied["by"]) == ("deny", "rule")
    assert "policy.toml" in denied["rule"]
    assert (allowed["verdict"], allowed["by"], allowed["rule"]) == ("allow", "mode", "")


def test_a_line_that_is_no_call_gets_an_error_and_never_a_mild_verdict() -> None:
    lines = ["nonsense", "[]", '{"method": "PUT", "path": "/pools", "params": ["vms"]}', '{"path": "/pools"}']
    assert all(set(found) == {"error"} for found in explained(lines))
    (found,) = explained(['{"method": "GET", "path": "/nodes", "params": null}'])
    assert effects(found) == {"read"}


def test_what_no_version_knows_counts_as_destroying_or_looking_inside() -> None:
    write, read, parameter, unset = explained(
        [
            call("POST", "/cluster/new-thing"),
            call("GET", "/cluster/new-thing"),
            call("PUT", VM, hostdir0="/etc"),
            call("PUT", VM, delete="hostdir0"),
        ]
    )
    assert effects(write) == effects(unset) - {"change"} == effects(parameter) - {"change"} == {Effect.DESTROY}
    assert effects(read) == {Effect.INSIDE}
    assert {found["verdict"] for found in (write, read, parameter, unset)} == {"confirm"}
