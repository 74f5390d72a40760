"""Every tool, listed and called by real clients: each transport, both eras of the protocol, an older SDK."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients import ERAS, connect, connect_stdio
from forked import COMMAND
from patience import PATIENCE
from serving import TOKEN, environment
from tools import program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from clients import Session
    from serving import Served

pytestmark = pytest.mark.anyio

TOOLS = [
    "search_api",
    "proxmox_api_get",
    "proxmox_api_call",
    "proxmox_api_plan",
    "list_nodes",
    "get_cluster_resources",
]
OLD = "mcp>=1.28,<1.29"


@asynccontextmanager
async def over(
    transport: str, era: str, server: Served, on_demo: dict[str, str], directory: Path
) -> AsyncIterator[Session]:
    way = connect_stdio(directory, on_demo, era) if transport == "stdio" else connect(server, transport, era)
    async with way as session:
        yield session


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", ["sse", "http", pytest.param("stdio", marks=pytest.mark.slow)])
async def test_every_tool_is_listed_and_answers(
    transport: str, era: str, server: Served, on_demo: dict[str, str], tmp_path: Path
) -> None:
    async with over(transport, era, server, on_demo, tmp_path) as session:
        assert (session.client.protocol_version >= "2026-07-28") == (era == "auto")
        assert [tool.name for tool in (await session.client.list_tools()).tools] == TOOLS
        found = await session.call("search_api", query="start a vm")
        read = await session.get("/nodes/pve1/qemu/100/config", fields="name,cores")
        made = await session.make("PUT", "/nodes/pve2/qemu/130/config", {"description": f"{transport} {era}"})
        step = {"method": "PUT", "path": "/nodes/*/guests/130/config", "data": {"description": "planned"}}
        planned = await session.call("proxmox_api_plan", steps=[step])
        nodes = await session.call("list_nodes")
        guests = await session.call("get_cluster_resources", type="qemu", filter="name=db-01")
    assert found.text.startswith("1. POST /nodes/{node}/qemu/{vmid}/status/start\n")
    assert read.text == "name: web-01\ncores: 4"
    assert made.text.startswith("Done: PUT /nodes/pve2/qemu/130/config. description: ")
    assert re.match(r"plan \d+: done, 1 step\.\n", planned.text), planned
    assert "pve1 online 31 16 71/128 23/94 61d" in nodes.text
    assert "\n103 db-01 " in guests.text
    assert not any(answer.is_error for answer in (found, read, made, planned, nodes, guests))


@pytest.mark.parametrize("transport", ["sse", "http"])
async def test_the_instructions_reach_the_client(transport: str, server: Served) -> None:
    async with connect(server, transport) as session:
        assert session.client.instructions is not None
        assert "First search_api" in session.client.instructions


async def test_prompts_and_references_are_there_for_clients_that_read_them(server: Served) -> None:
    async with connect(server) as session:
        prompts = {prompt.name for prompt in (await session.client.list_prompts()).prompts}
        asked = await session.client.get_prompt("make_room", {"storage": "nas"})
        read = await session.client.read_resource("proxmox://api/nodes/{node}/qemu/{vmid}/resize")
    assert prompts == {"cluster_health", "missing_backups", "make_room", "node_maintenance", "failed_task"}
    assert "Storage `nas` is full" in asked.messages[0].content.text  # type: ignore[union-attr]
    assert "PUT /nodes/{node}/qemu/{vmid}/resize" in read.contents[0].text  # type: ignore[union-attr]


@pytest.fixture(scope="session")
def old_python(pytestconfig: pytest.Config) -> str:
    """A Python with the last SDK of the first generation, in an environment of its own that is kept between runs."""
    if pytestconfig.cache is None:
        pytest.skip("pytest's cache is switched off: the older SDK is installed there")
    place = Path(pytestconfig.cache.mkdir("mcp-1.28"))
    python = place / "bin" / "python"
    if not (place / "ready").is_file():
        uv = program("uv")
        make = [uv, "venv", "-q", "--clear"] if uv else [sys.executable, "-m", "venv", "--clear"]
        install = [uv, "pip", "install", "-q", "--python", str(python)] if uv else [str(python), "-m", "pip", "install"]
        for command in ([*make, str(place)], [*install, OLD]):
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                pytest.skip(f"{OLD} can't be installed here: {error}")
            if done.returncode:
                pytest.skip(f"{OLD} can't be installed here: {done.stderr.strip()[-200:]}")
        (place / "ready").touch()
    return str(python)


@pytest.mark.slow  # The older SDK is installed for it.
@pytest.mark.parametrize("transport", ["sse", "http", "stdio"])
def test_a_client_of_the_first_generation_lists_and_calls_every_tool(
    transport: str, old_python: str, server: Served, on_demo: dict[str, str], tmp_path: Path
) -> None:
    target = {
        "sse": [f"{server.url}/sse", TOKEN],
        "http": [f"{server.url}/mcp", TOKEN],
        "stdio": [json.dumps({"command": [*COMMAND, "serve", "--stdio"], "env": environment(tmp_path, **on_demo)})],
    }[transport]
    script = Path(__file__).with_name("old_client.py")
    done = subprocess.run(
        [old_python, str(script), transport, *target], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["tools"] == TOOLS
    assert not any(answer["error"] for answer in told["answers"].values()), told
    assert told["answers"]["proxmox_api_get"]["text"] == "name: web-01"
    assert told["answers"]["proxmox_api_call"]["text"].startswith("Dry run, nothing was sent.")
