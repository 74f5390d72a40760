"""The start of a server that a client sees for the first time: nothing is installed, and the client won't wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client, MCPError, StdioServerParameters

from patience import PATIENCE
from proxmox_mcp.server.tools import TOOLS
from serving import environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-in for uv is a shell script")
ROOT = Path(__file__).parents[1]
SETTINGS = {
    "PROXMOX_HOST": "127.0.0.1:1",
    "PROXMOX_USER": "mcp@pve",
    "PROXMOX_TOKEN_ID": "mcp",
    "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
}
UV = """#!/bin/sh
echo "$@" >> "{place}/asked"
while [ ! -e "{place}/go" ]; do sleep 0.05; done
[ -e "{place}/away" ] && {{ echo "error: the index" >&2; echo "is away" >&2; exit 2; }}
mkdir -p "{place}/.venv/bin"
printf '#!/bin/sh\\nexec {python} "$@"\\n' > "{place}/.venv/bin/python"
chmod +x "{place}/.venv/bin/python"
"""
"""Stands for uv: installs once it is told to ``go``, or fails."""


@dataclass(frozen=True)
class Extension:
    """A checkout as a client unpacks it, with nothing installed."""

    place: Path

    def let_uv_go(self) -> None:
        (self.place / "go").touch()

    @property
    def installations(self) -> int:
        asked = self.place / "asked"
        return len(asked.read_text().splitlines()) if asked.exists() else 0

    def environment(self, **settings: str) -> dict[str, str]:
        start = {"UV": str(self.place / "uv"), "PYTHONPATH": str(self.place / "src")}
        return environment(self.place, **SETTINGS, **start, **settings)

    @asynccontextmanager
    async def client(self, era: str = "legacy") -> AsyncIterator[Client]:
        way = StdioServerParameters(
            command=sys.executable, args=["-m", "proxmox_mcp.launcher"], env=self.environment(), cwd=self.place
        )
        async with Client(way, mode=era, read_timeout_seconds=PATIENCE) as client:
            yield client


@pytest.fixture
def extension(tmp_path: Path) -> Iterator[Extension]:
    (tmp_path / "src").symlink_to(ROOT / "src")
    (tmp_path / "apidoc").symlink_to(ROOT / "apidoc")
    (tmp_path / "uv.lock").write_text("version = 1\n")
    (tmp_path / "uv").write_text(UV.format(place=tmp_path, python=sys.executable))
    (tmp_path / "uv").chmod(0o755)
    made = Extension(tmp_path)
    yield made
    made.let_uv_go()  # An installation goes on when its client has gone, so that the next start finds it.


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


@pytest.mark.anyio
@pytest.mark.parametrize("era", ["legacy", pytest.param("auto", marks=pytest.mark.slow)])
async def test_the_first_start_answers_before_anything_is_installed_and_then_serves(
    extension: Extension, era: str
) -> None:
    async with extension.client(era) as client:
        assert not (extension.place / ".venv").exists()
        assert client.server_info is not None
        assert client.server_info.name == "proxmox-mcp"
        extension.let_uv_go()
        assert await names(client) == [tool.name for tool in TOOLS]
        found = await client.call_tool("search_api", {"query": "grow a disk"})
        assert "/resize" in str(found.content)
        assert "--frozen" in (extension.place / "asked").read_text()


@pytest.mark.slow
@pytest.mark.anyio
async def test_later_starts_install_nothing_until_the_lock_is_another(extension: Extension) -> None:
    extension.let_uv_go()
    for wanted in (1, 1):
        async with extension.client("auto") as client:
            assert await names(client)
        assert extension.installations == wanted
    (extension.place / "uv.lock").write_text("version = 2\n")
    async with extension.client() as client:
        assert await names(client)
    assert extension.installations == 2


@pytest.mark.anyio
async def test_a_first_start_that_can_not_install_says_why_to_each_request(extension: Extension) -> None:
    (extension.place / "away").touch()
    async with extension.client() as client:
        extension.let_uv_go()
        for _ in range(2):
            with pytest.raises(MCPError, match=r"could not be installed.*error: the index is away"):
                await client.list_tools()
    assert not (extension.place / ".venv").exists()


def test_without_uv_the_first_start_says_so(extension: Extension) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer, status = asked(extension, request, UV=str(extension.place / "nowhere"))
    assert "uv can't be started" in answer["error"]["message"]
    assert status == 1


def asked(extension: Extension, request: dict[str, Any], *, code: str = "", **settings: str) -> tuple[Any, int]:
    """The answer to one request, and the status after the client has closed its end."""
    process = subprocess.Popen(
        [sys.executable, *(["-c", code] if code else ["-m", "proxmox_mcp.launcher"])],
        env={**extension.environment(), **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin
    assert process.stdout
    with process:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        process.stdin.close()
        return answer, process.wait(PATIENCE)


@pytest.mark.parametrize(
    ("mode", "version"),
    [
        ("read-only", "2025-11-25"),
        *(pytest.param("guarded", each, marks=pytest.mark.slow) for each in ("2024-11-05", "1999-01-01")),
    ],
)
def test_it_introduces_itself_as_the_server_does(extension: Extension, mode: str, version: str) -> None:
    parameters = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    request = {"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": parameters}
    early, _ = asked(extension, request, MCP_MODE=mode)
    serve = "import sys; from proxmox_mcp.cli import main; sys.argv[1:] = ['serve', '--stdio']; main()"
    real, _ = asked(extension, request, code=serve, MCP_MODE=mode)
    assert early == real


def test_it_imports_nothing_that_has_to_be_installed(extension: Extension) -> None:
    told = subprocess.run(
        [sys.executable, "-S", "-c", "import proxmox_mcp.launcher"],
        env=extension.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
