"""``proxmox-mcp call``: the person at the terminal is asked, and where there is none nothing risky is sent."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from apidoc_documents import document, method, node
from command_line import run_here as run
from forked import COMMAND
from patience import PATIENCE
from proxmox_mcp.cli import commands
from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from serving import environment
from terminals import open_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@pytest.fixture(scope="module")
def cluster() -> Iterator[DemoCluster]:
    with start_demo_cluster(task_seconds=0.4) as cluster:
        yield cluster


def test_a_read_is_a_table_for_a_person_and_json_for_a_program(on_demo: Mapping[str, str], tmp_path: Path) -> None:
    ask = ("call", "get", "/nodes", "--fields", "node,status")
    told = run(tmp_path, *ask, **on_demo)
    rows = ["node  status", "pve1  online", "pve2  online", "pve3  online", "(3 rows)"]
    assert (told.returncode, told.stdout.splitlines()) == (0, rows)
    told = run(tmp_path, *ask, "--json", **on_demo)
    assert json.loads(told.stdout) == [{"node": f"pve{number}", "status": "online"} for number in (1, 2, 3)]


def test_in_json_the_result_of_a_write_is_what_proxmox_sent_and_its_description_goes_to_standard_error(
    on_demo: Mapping[str, str], tmp_path: Path
) -> None:
    told = run(tmp_path, "call", "POST", "/nodes/*/qemu/web-03/status/start", "--json", **on_demo)
    assert told.returncode == 0
    assert json.loads(told.stdout).startswith("UPID:pve3:")
    assert "ended: OK" in told.stderr
    rehearsed = run(tmp_path, "call", "PUT", "/nodes/*/qemu/102/config", "cores=2", "--dry-run", "--json", **on_demo)
    assert json.loads(rehearsed.stdout) == {
        "method": "PUT",
        "path": "/nodes/pve3/qemu/102/config",
        "data": {"cores": "2"},
        "effects": ["change"],
        "decision": "allow",
    }
    assert "nothing was sent" in rehearsed.stderr


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("PUT", "/nodes/*/qemu/web-03/config", "memroy=3"), "memroy: unknown parameter. Did you mean"),
        pytest.param(("PUT", "/nodes/*/qemu/web-03/config", "net99=virtio"), "net99", marks=pytest.mark.slow),
        pytest.param(("GET", "/nope"), "path: The API has no path '/nope'", marks=pytest.mark.slow),
        (("PUT", "/nodes/*/qemu/web-03/confg", "memory=3"), "Did you mean /nodes/pve3/qemu/102/config?"),
        (("POST", "/nodes/*/qemu/web-03/config/x", "--yes"), "The API has no path"),
    ],
)
def test_the_first_call_of_all_is_checked_by_the_node_s_own_schema_and_not_sent(
    call: tuple[str, ...], said: str, cluster: DemoCluster, tmp_path: Path
) -> None:
    audit = tmp_path / "audit.jsonl"
    told = run(tmp_path, "call", *call, **cluster.environment, MCP_AUDIT_FILE=str(audit))
    assert (told.returncode, told.stdout) == (1, "")
    assert said in told.stderr
    assert "inside a guest" not in told.stderr
    assert "Nothing was sent." in told.stderr
    assert [json.loads(line)["event"] for line in audit.read_text().splitlines()] == ["outcome"]


def test_without_the_node_s_own_schema_the_doubt_is_said_and_an_unknown_path_is_called_unknown(
    on_demo: Mapping[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "apidoc.js"
    file.write_bytes(document(node("/version", GET=method("version")), node("/nodes", GET=method("index"))))
    settings = {**on_demo, "PROXMOX_APIDOC": str(file)}
    told = run(tmp_path, "call", "GET", "/nope", **settings)
    assert told.returncode == 1
    assert "GET /nope (unknown path: what it does is unknown)" in told.stderr
    assert "The API has no path '/nope'" in told.stderr
    assert "Nothing was sent" in told.stderr


@pytest.mark.parametrize(("typed", "status", "said"), [("n", 1, "You did not agree. Nothing was sent."), ("y", 0, "")])
def test_the_person_at_the_terminal_is_asked_and_declining_is_confirmed_in_plain_words(
    typed: str, status: int, said: str, on_demo: Mapping[str, str], tmp_path: Path
) -> None:
    terminal, inner = open_terminal()
    with contextlib.closing(os.fdopen(terminal, "wb", buffering=0)) as keyboard, os.fdopen(inner) as seat:
        process = subprocess.Popen(
            [*COMMAND, "call", "POST", "/nodes/*/qemu/web-02/status/reset", "--json"],
            env=environment(tmp_path, **on_demo),
            stdin=seat,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        keyboard.write(f"{typed}\n".encode())
        told, asked = process.communicate(timeout=PATIENCE)
    assert process.returncode == status, asked
    assert "- disrupt: " in asked
    assert said in asked
    assert (told == "") == (typed == "n")
    for word in ("client", "Ask the user", "error"):
        assert word not in asked


def test_without_a_terminal_nothing_is_sent_and_the_advice_works(on_demo: Mapping[str, str], tmp_path: Path) -> None:
    stop = ("call", "POST", "/nodes/*/qemu/web-02/status/stop")
    told = run(tmp_path, *stop, **on_demo)
    assert (told.returncode, told.stdout) == (1, "")
    assert "- VM 101 web-02" in told.stderr
    assert "Nothing was sent: there is no terminal to ask at.\nRun it in a terminal, or add --yes" in told.stderr
    assert "confirm:" not in told.stderr
    done = run(tmp_path, *stop, "--yes", **on_demo)
    assert done.returncode == 0
    assert "of 101 on pve2 ended: OK" in done.stdout
    # Others reset it.
    assert run(tmp_path, "call", "POST", "/nodes/*/qemu/web-02/status/start", **on_demo).returncode == 0


def test_an_operator_is_not_got_around_by_agreeing(on_demo: Mapping[str, str], tmp_path: Path) -> None:
    stop = ("call", "POST", "/nodes/*/qemu/web-01/status/stop", "--yes")
    waiting = run(tmp_path, *stop, **on_demo, MCP_CONFIRM="operator", MCP_APPROVAL_WAIT="0")
    assert waiting.returncode == 1
    assert "proxmox-mcp approve 1" in waiting.stderr
    unasked = run(tmp_path, "approve", "1", **on_demo)
    assert unasked.returncode == 1
    assert "there is no terminal to ask at.\nAdd --yes if you agree." in unasked.stderr
    declined = CliRunner(env=environment(tmp_path, **on_demo)).invoke(commands, ["approve", "1"], input="n\n")
    assert declined.exit_code == 1
    assert declined.stdout.endswith("Not approved: it still waits.\n")
    assert "Approved." in run(tmp_path, "approve", "1", "--yes", **on_demo).stdout
    done = run(tmp_path, *stop, "--confirm", "1", **on_demo, MCP_CONFIRM="operator", MCP_APPROVAL_WAIT="0")
    assert "of 100 on pve1 ended: OK" in done.stdout


def test_a_cursor_of_a_fan_out_goes_on_there(on_demo: Mapping[str, str], tmp_path: Path) -> None:
    told = run(tmp_path, "call", "GET", "/nodes/*/qemu/*/config", "--cursor", "places-500", **on_demo)
    assert told.returncode == 1
    assert "cursor: places-500 is beyond the" in told.stderr
