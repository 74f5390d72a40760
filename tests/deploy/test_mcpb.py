"""The ``.mcpb`` bundle, made of the last commit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import anyio
import pytest
from mcp import Client, StdioServerParameters

from deploy.files import ROOT
from proxmox_mcp.server.tools import TOOLS
from tools import required

if TYPE_CHECKING:
    from pathlib import Path

sys.path.insert(0, str(ROOT))
from scripts import mcpb


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    git = required("git")
    if subprocess.run([git, "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, check=False).returncode:
        pytest.skip("not a git checkout: the bundle is made of a commit")
    target = tmp_path_factory.mktemp("bundle") / "proxmox-mcp.mcpb"
    mcpb.pack(target, mcpb.files("HEAD"))
    return target


def test_it_holds_the_project_its_lock_and_the_manifest_and_nothing_else(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as opened:
        names = opened.namelist()
    assert {name.split("/")[0] for name in names} == {"manifest.json", *mcpb.CARRIED}
    assert not [name for name in names if "__pycache__" in name or name.startswith((".", "/")) or ".." in name]


@pytest.mark.slow
def test_the_same_commit_makes_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    mcpb.pack(tmp_path / "again.mcpb", mcpb.files("HEAD"))
    assert (tmp_path / "again.mcpb").read_bytes() == bundle.read_bytes()


def test_the_entry_point_of_the_manifest_is_in_it(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as opened:
        manifest = json.loads(opened.read("manifest.json"))
        assert manifest["server"]["entry_point"] in opened.namelist()


@pytest.mark.slow
def test_unpacked_it_serves_the_tools_over_stdio(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as opened:
        opened.extractall(tmp_path / "unpacked")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path / "unpacked" / "src"),
        "MCP_CACHE_DIR": str(tmp_path / "cache"),
        "PROXMOX_HOST": "127.0.0.1:1",
        "PROXMOX_USER": "mcp@pve",
        "PROXMOX_TOKEN_ID": "mcp",
        "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
    }
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "proxmox_mcp", "serve", "--stdio"], env=environment, cwd=tmp_path
    )

    async def listed() -> list[str]:
        async with Client(server) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    assert anyio.run(listed) == [tool.name for tool in TOOLS]
