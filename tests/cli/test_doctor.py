"""``proxmox-mcp doctor``: the environment of the command is what is checked, and its status says the result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from command_line import UNREACHABLE
from command_line import run_here as run
from serving import free_port

if TYPE_CHECKING:
    from pathlib import Path


def test_the_settings_of_the_environment_are_checked(tmp_path: Path) -> None:
    told = run(tmp_path, "doctor", **UNREACHABLE, MCP_HOST="127.0.0.1", MCP_PORT=str(free_port()))
    assert told.returncode == 1, "the settings are right, and nothing answers"
    assert "127.0.0.1 refuses the connection" in told.stdout
    assert UNREACHABLE["PROXMOX_PASSWORD"] not in told.stdout


def test_the_options_say_what_else_is_checked_and_how_it_is_printed(tmp_path: Path) -> None:
    port = free_port()
    told = run(tmp_path, "doctor", "--json", "--clients", "--url", f"http://127.0.0.1:{port}/sse")
    steps = json.loads(told.stdout)
    assert told.returncode == 2, "no cluster is set"
    assert f"http://127.0.0.1:{port}" in {step["part"] for step in steps}
    assert [step["part"] for step in steps[-2:]] == ["clients", "verdict"]
