"""``proxmox-mcp call``: the person at the terminal is asked, and where there is none nothing risky is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.demo import start_demo_cluster
from serving import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@pytest.fixture(scope="module")
def on_demo() -> Iterator[Mapping[str, str]]:
    with start_demo_cluster() as cluster:
        yield {**cluster.environment, "PROXMOX_APIDOC": "bundled"}


def test_a_read_is_told_as_the_tools_tell_it(on_demo: Mapping[str, str], tmp_path: Path) -> None:
    told = run(tmp_path, "call", "get", "/nodes", "--fields", "node,status", **on_demo)
    assert told.stdout.splitlines() == ["all: status=online", "node", "pve1", "pve2", "pve3", "(all 3 rows)"]


def test_where_nobody_can_be_asked_nothing_is_sent_and_the_way_is_one_that_leads_on(
    on_demo: Mapping[str, str], tmp_path: Path
) -> None:
    stop = ("call", "POST", "/nodes/*/qemu/web-02/status/stop")
    told = run(tmp_path, *stop, **on_demo)
    assert (told.returncode, told.stdout) == (1, "")
    assert "Hits VM 101 web-02" in told.stderr
    assert "Nothing was sent: there is nobody at a terminal to ask.\nRun it at a terminal, or add --yes" in told.stderr
    assert "confirm:" not in told.stderr
    done = run(tmp_path, *stop, "--yes", **on_demo)
    assert done.returncode == 0
    assert "of 101 on pve2 ended: OK" in done.stdout


def test_an_operator_is_not_got_around_by_agreeing(on_demo: Mapping[str, str], tmp_path: Path) -> None:
    stop = ("call", "POST", "/nodes/*/qemu/web-01/status/stop", "--yes")
    waiting = run(tmp_path, *stop, **on_demo, MCP_CONFIRM="operator")
    assert waiting.returncode == 1
    assert "proxmox-mcp approve 1" in waiting.stderr
    assert "Approved." in run(tmp_path, "approve", "1", "--yes", **on_demo).stdout
    done = run(tmp_path, *stop, "--confirm", "1", **on_demo, MCP_CONFIRM="operator")
    assert "of 100 on pve1 ended: OK" in done.stdout


def test_a_cursor_of_a_fan_out_goes_on_there(on_demo: Mapping[str, str], tmp_path: Path) -> None:
    told = run(tmp_path, "call", "GET", "/nodes/*/qemu/*/config", "--cursor", "places-500", **on_demo)
    assert told.returncode == 1
    assert "cursor: places-500 is beyond the" in told.stderr
