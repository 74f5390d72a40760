"""``proxmox-mcp nodes``, ``guests`` and ``tasks`` on a cluster: for people who work without a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from proxmox_mcp.cli import commands
from proxmox_mcp.errors import ViewError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from proxmox_mcp.demo import DemoCluster


@pytest.fixture
def ask(demo: DemoCluster, tmp_path: Path) -> Callable[..., Result]:
    """Runs a command with the settings of the demo cluster; raises what it raises."""

    def run(*arguments: str, **settings: str) -> Result:
        environment = {**demo.environment, "MCP_CACHE_DIR": str(tmp_path), "PROXMOX_APIDOC": "bundled", **settings}
        result = CliRunner(env=environment).invoke(commands, arguments)
        if isinstance(result.exception, Exception):
            raise result.exception
        return result

    return run


def column(text: str, name: str) -> list[str]:
    """The cells of a column of left-aligned text."""
    head, *rows = text.splitlines()[:-1]
    start = head.index(name)
    return [row[start:].split("  ")[0].strip() for row in rows]


def test_nodes_are_listed_with_the_guests_that_run_there(ask: Callable[..., Result]) -> None:
    told = ask("nodes")
    assert column(told.stdout, "NODE") == ["pve1", "pve2", "pve3"]
    assert column(told.stdout, "STATUS") == ["online"] * 3
    assert "128 GiB" in told.stdout
    assert told.stdout.splitlines()[-1] == "(3 nodes)"
    assert ask("nodes", "pve2").stdout.splitlines()[-1] == "(1 node)"


def test_guests_are_filtered_by_words_that_all_have_to_match(ask: Callable[..., Result]) -> None:
    assert column(ask("guests", "stage", "vm").stdout, "NAME") == ["stage-web", "stage-db"]
    assert column(ask("guests", "shop", "stopped", "ct").stdout, "NAME") == ["cache-02"]
    assert column(ask("guests", "103").stdout, "NAME") == ["db-01"]
    # Tests beside this one leave clones, which have the tag of their template.
    assert column(ask("guests", "template", "--filter", "template=1").stdout, "NAME") == ["ci-01", "debian-13"]


def test_guests_take_the_filter_of_the_tools_too(ask: Callable[..., Result]) -> None:
    told = ask("guests", "db", "--filter", "maxmem>=32GiB")
    assert column(told.stdout, "NAME") == ["db-01", "db-02"]
    with pytest.raises(ViewError, match="unknown field `memroy`"):
        ask("guests", "--filter", "memroy>1")


def test_json_has_the_records_as_proxmox_sent_them(ask: Callable[..., Result]) -> None:
    (record,) = json.loads(ask("guests", "db-01", "--json").stdout)
    assert (record["vmid"], record["maxmem"], record["type"]) == (103, 32768 * 2**20, "qemu")
    assert len(json.loads(ask("nodes", "--json").stdout)) == 3


def test_a_list_without_a_row_says_so_and_ends_with_status_1(ask: Callable[..., Result]) -> None:
    for arguments in (("guests", "no-such-guest"), ("nodes", "no-such-node"), ("tasks", "no-such-task")):
        told = ask(*arguments)
        assert told.exit_code == 1
        assert told.stdout == ""
        assert "matches." in told.stderr
        assert json.loads(ask(*arguments, "--json").stdout) == []


def test_a_failed_task_is_found_by_the_name_of_its_guest_with_its_reason(ask: Callable[..., Result]) -> None:
    told = ask("tasks", "--failed", "vpn-01")
    assert "qmstart" in told.stdout
    assert "114 vpn-01" in told.stdout
    assert "does not exist" in told.stdout
    assert "lena@pve" in told.stdout


def test_tasks_are_the_newest_of_all_nodes_and_their_number_is_bounded(ask: Callable[..., Result]) -> None:
    told = ask("tasks", "--limit", "3", "vzdump")
    times = column(told.stdout, "STARTED")
    assert len(times) == 3
    assert times == sorted(times, reverse=True)
    assert "(3 of " in told.stdout
    assert "times in " in told.stdout
    assert told.stderr == ""
    assert [each["type"] for each in json.loads(ask("tasks", "--limit", "2", "vzdump", "--json").stdout)] == [
        "vzdump"
    ] * 2


def test_a_token_that_sees_nothing_lists_nothing(ask: Callable[..., Result], demo: DemoCluster) -> None:
    blind = {"PROXMOX_USER": "guest@pve", "PROXMOX_PASSWORD": demo.tokens["guest@pve!mcp"]}
    told = ask("guests", **blind)
    assert told.exit_code == 1
    assert "VM.Audit" in told.stderr
