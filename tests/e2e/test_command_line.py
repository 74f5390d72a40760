"""``proxmox-mcp call`` and ``policy explain`` on a cluster: the gateway of the tools, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from proxmox_mcp.cli import commands
from proxmox_mcp.errors import ConfirmationNeededError, DeniedError, InvalidCallError, TaskFailedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from proxmox_mcp.demo import DemoCluster
    from upstream import Upstream


@pytest.fixture
def call(demo: DemoCluster, tmp_path: Path) -> Callable[..., Result]:
    """Runs a command with the settings of the demo cluster, in this process; raises what it raises."""

    def run(*arguments: str, stdin: str = "", **settings: str) -> Result:
        environment = {**demo.environment, "MCP_CACHE_DIR": str(tmp_path), "PROXMOX_APIDOC": "bundled", **settings}
        result = CliRunner(env=environment).invoke(commands, arguments, input=stdin)
        if isinstance(result.exception, Exception):
            raise result.exception
        return result

    return run


def test_a_read_is_told_with_the_fields_and_rows_that_were_asked_for(call: Callable[..., Result]) -> None:
    told = call("call", "get", "/nodes/*/qemu/web-01/config", "--fields", "name,cores")
    assert told.stdout == "name:  web-01\ncores: 4\n"
    filtered = call("call", "GET", "/nodes", "--filter", "maxcpu>16", "--fields", "node", "--limit", "1")
    assert filtered.stdout == "node\npve2\n(1 row of 3)\n"


def test_parameters_are_pairs_and_checked_before_anything_is_sent(call: Callable[..., Result]) -> None:
    with pytest.raises(InvalidCallError, match="cores: 'four' is not an integer"):
        call("call", "PUT", "/nodes/pve2/qemu/131/config", "cores=four")
    told = call("call", "PUT", "/nodes/pve2/qemu/131/config", "cores=4", "description=from the command line")
    assert told.stdout == (
        'Done: PUT /nodes/pve2/qemu/131/config. description: not set → "from the command line"\n'
        "Change 1, can be undone.\n"
    )


def test_a_risky_call_needs_yes_or_a_person_at_the_terminal(call: Callable[..., Result], upstream: Upstream) -> None:
    path, before = "/nodes/pve3/qemu/135/status/reset", upstream.tasks("qmreset", 135)
    with pytest.raises(ConfirmationNeededError, match="- disrupt: "):
        call("call", "POST", path)
    rehearsed = call("call", "POST", path, "--dry-run")
    assert rehearsed.stdout.startswith("Dry run, nothing was sent.")
    assert upstream.tasks("qmreset", 135) == before
    told = call("call", "POST", path, "--yes")
    assert "- disrupt: " in told.stderr
    assert "ended: OK" in told.stdout
    assert upstream.tasks("qmreset", 135) == before + 1


def test_a_task_that_fails_is_an_error(call: Callable[..., Result]) -> None:
    with pytest.raises(TaskFailedError, match="does not exist"):
        call("call", "POST", "/nodes/pve2/qemu/114/status/start")


def test_the_mode_of_the_server_holds_here_too(call: Callable[..., Result]) -> None:
    with pytest.raises(DeniedError, match="read-only mode"):
        call("call", "PUT", "/nodes/pve2/qemu/131/config", "cores=2", "--yes", MCP_MODE="read-only")


def test_a_rule_about_tags_is_explained_by_the_tags_that_the_guest_has_now(
    call: Callable[..., Any], tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[rule]]\nverdict = "deny"\ntag = "prod"\neffect = "disrupt"\n')
    told = call("policy", "explain", "post", "/nodes/*/qemu/100/status/stop", MCP_POLICY_FILE=str(policy))
    assert told.stdout.splitlines()[-1] == "decision: deny: rule 1 (policy.toml, line 1)"
    other = call("policy", "explain", "POST", "/nodes/pve1/qemu/133/status/stop", MCP_POLICY_FILE=str(policy))
    assert other.stdout.splitlines()[-1].startswith("decision: confirm: guarded mode")
