"""Where POSIX is missing (Windows), the server starts over stdio and over HTTP, reads, writes and keeps its records."""

from __future__ import annotations

import ast
import contextlib
import http.client
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client, StdioServerParameters

from patience import PATIENCE, until
from serving import environment, free_port
from sources import modules
from without_posix import MISSING_MODULES, SEEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.demo import DemoCluster

WITHOUT_POSIX = Path(__file__).parents[1] / "without_posix.py"


def _server(demo: DemoCluster, directory: Path, **settings: str) -> StdioServerParameters:
    given = {**demo.environment, "MCP_AUDIT_FILE": str(directory / "audit.jsonl"), **settings}
    return StdioServerParameters(
        command=sys.executable,
        args=[str(WITHOUT_POSIX), "serve", "--stdio"],
        env=environment(directory, **given),
        cwd=directory,
    )


async def _asked(server: StdioServerParameters, *calls: tuple[str, dict[str, Any]]) -> list[str]:
    async with Client(server) as client:
        results = [await client.call_tool(tool, arguments) for tool, arguments in calls]
    return ["\n".join(getattr(part, "text", "") for part in result.content) for result in results]


@pytest.mark.anyio
async def test_it_starts_over_stdio_reads_writes_and_keeps_its_records(demo: DemoCluster, tmp_path: Path) -> None:
    comment = {"method": "PUT", "path": "/nodes/*/qemu/102/config", "data": {"description": "without POSIX"}}
    reset = {"method": "POST", "path": "/nodes/pve1/qemu/100/status/reset"}
    nodes, written, asked = await _asked(
        _server(demo, tmp_path, MCP_CONFIRM="operator", MCP_APPROVAL_WAIT="0"),
        ("list_nodes", {}),
        ("proxmox_api_call", comment),
        ("proxmox_api_call", reset),
    )
    assert "pve1" in nodes
    assert written.startswith("Done"), written
    assert "approve 1" in asked
    events = [json.loads(line)["event"] for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert events.count("intent") == 1
    assert list((tmp_path / "state" / "schema").glob("cache.db"))


@pytest.mark.parametrize(
    ("where", "private"), [pytest.param("home/state", True, marks=pytest.mark.slow), ("elsewhere", False)]
)
def test_it_says_where_it_cannot_keep_files_private(
    where: str, private: bool, demo: DemoCluster, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    settings = {**demo.environment, "MCP_CACHE_DIR": str(tmp_path / where), "HOME": str(tmp_path / "home")}
    told = subprocess.run(
        [sys.executable, str(WITHOUT_POSIX), "serve", "--stdio"],
        env=environment(tmp_path, **settings),
        input="",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, "")
    assert ("MCP_CACHE_DIR=" not in told.stderr) == private
    assert ("may be readable by others on this machine" not in told.stderr) == private


@pytest.mark.parametrize(
    "arguments", [("serve",), pytest.param(("-m", "proxmox_mcp.demo.launcher"), marks=pytest.mark.slow)]
)
def test_what_listens_ends_when_it_is_told_to(arguments: tuple[str, ...], demo: DemoCluster, tmp_path: Path) -> None:
    port = free_port()
    settings = {**demo.environment, "MCP_HOST": "127.0.0.1", "MCP_PORT": str(port), "TMPDIR": str(tmp_path)}
    more = ["--port", str(port)] if "-m" in arguments else []
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(WITHOUT_POSIX), *arguments, *more],
            env=environment(tmp_path, **settings),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    _until_somebody_answers(port, process)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, (tmp_path / "log").read_text()


def _until_somebody_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    """With an answer all handlers are in place: a port is opened before."""

    def answers() -> bool:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            try:
                connection.request("GET", "/livez")
                return connection.getresponse().status > 0
            except http.client.HTTPException:  # TLS, which says at once that this is not
                return True
            except OSError as error:
                return isinstance(error, ConnectionResetError)

    until(lambda: answers() or process.poll() is not None)
    assert process.poll() is None


@cache
def _named() -> Mapping[str, set[tuple[str, str]]]:
    """For each module in ``SEEN``: its names that our code takes without asking whether they are there, and where."""
    found: dict[str, set[tuple[str, str]]] = {module: set() for module in SEEN}
    for path, tree in modules(*(f"{module}." for module in SEEN)):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in SEEN:
                found[node.value.id].add((node.attr, path.name))
    return found


GUARDED = {
    ("chown", "private_files.py"),
    ("geteuid", "private_files.py"),
    ("getuid", "operator.py"),
    ("SIGHUP", "uvicorn_server.py"),
    ("AF_UNIX", "syslog.py"),
    ("pread", "audit_file.py"),
    ("pwrite", "audit_file.py"),
}
"""Names of POSIX that stand behind a question whether they are there."""


@pytest.mark.parametrize("module", sorted(SEEN))
def test_our_code_takes_no_name_that_windows_lacks(module: str) -> None:
    lacks = {(name, where) for name, where in _named()[module] if not hasattr(SEEN[module], name)}
    assert lacks <= GUARDED


def _needed(tree: ast.AST) -> set[str]:
    """The modules that a file imports, but for those that it can do without."""
    spared: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any("ImportError" in ast.unparse(each) for each in node.handlers):
            spared |= {inner for part in node.body for inner in ast.walk(part)}
    imports = [node for node in ast.walk(tree) if node not in spared]
    plain = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}


def test_our_code_needs_no_module_that_windows_lacks() -> None:
    needed = {name for _, tree in modules(*MISSING_MODULES) for name in _needed(tree)}
    assert not needed & MISSING_MODULES
