"""Against the stand-in node that was measured on a real one (``../shared/data/consoles``), in each of its variants."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest

from patience import PATIENCE
from proxmox_mcp.errors import GuestSessionError, GuestStateError, GuestVersionError
from proxmox_mcp.guests import GuestCommand, GuestCommands, GuestExec, GuestOnNode, LocalLocks
from proxmox_mcp.guests.container_exec import run_in_container
from proxmox_mcp.guests.window import Patience
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox.access import Posted
from terminals import needs_terminals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from anyio.abc import ByteStream

pytestmark = pytest.mark.anyio

TOKEN = "op@pve!tok=secret"
CONTAINER = GuestOnNode("lxc", 107, "fake")
PATIENT = Patience(prompt=PATIENCE, answer=PATIENCE, line=PATIENCE, stopping=PATIENCE, report=PATIENCE)


class StandIn:
    """The stand-in over plain HTTP, as ``guests`` sees a cluster."""

    def __init__(self, port: int) -> None:
        self.host = HostPort("127.0.0.1", port)

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        if path.endswith("/status/current"):
            return {"status": "running"}
        if path.endswith("/apt/versions"):
            return []
        answer = await anyio.to_thread.run_sync(self._ask, "GET", f"{path}?{urllib.parse.urlencode(params or {})}")
        if path.endswith("/tasks"):  # The stand-in leaves out what a node lists with every task.
            return [{"upid": "UPID:fake:", **task} for task in answer]
        return answer

    async def post(self, path: str, params: Mapping[str, Any] | None = None) -> Posted:
        assert not params
        return Posted(await anyio.to_thread.run_sync(self._ask, "POST", path), self.host)

    async def connect(self, host: HostPort) -> ByteStream:
        return await anyio.connect_tcp(host.host, host.port)

    async def credentials(self, host: HostPort) -> Mapping[str, str]:
        assert host == self.host
        return {"Authorization": f"PVEAPIToken={TOKEN}"}

    def _ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"PVEAPIToken={TOKEN}"}
        request = urllib.request.Request(f"http://{self.host}/api2/json{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)["data"]


@asynccontextmanager
async def stand_in(data: Path, *options: str) -> AsyncIterator[StandIn]:
    needs_terminals()
    program = data / "consoles" / "stub_node.py"
    command = [sys.executable, str(program), *options]
    async with await anyio.open_process(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        try:
            line = b""
            while not line.endswith(b"\n"):
                line += await process.stdout.receive(1)
            yield StandIn(int(line))
        finally:
            process.kill()


async def run(node: StandIn, command: str, data: bytes = b"", patience: Patience = PATIENT, seconds: float = 60) -> Any:
    return await run_in_container(node, CONTAINER, GuestCommand.parse(command), data, seconds, patience=patience)


async def test_commands_run_one_after_the_other(shared_data: Path) -> None:
    data = bytes(range(256)) * 234
    async with stand_in(shared_data) as node:
        for code in (0, 3):
            result = await run(node, f"cat; echo err >&2; exit {code}", data)
            assert (result.stdout.data, result.stderr.data, result.exit_code) == (data, b"err\n", code)


async def test_a_socket_that_stays_open_after_the_end_holds_nothing_up(shared_data: Path) -> None:
    async with stand_in(shared_data, "--hang") as node:
        assert (await run(node, "echo done")).stdout.data == b"done\n"


async def test_a_node_that_is_too_old_says_so(shared_data: Path) -> None:
    async with stand_in(shared_data, "--old") as node:
        with pytest.raises(GuestVersionError, match="without taking its ticket"):
            await run(node, "true")


async def test_a_container_with_a_login_is_refused_by_its_configuration_and_by_what_it_shows(shared_data: Path) -> None:
    async with stand_in(shared_data, "--cmode", "tty") as node:
        with pytest.raises(GuestStateError, match="cmode=tty"):
            await GuestCommands(node, LocalLocks()).run(GuestExec(guest=CONTAINER, command=GuestCommand.parse("id")))
        with pytest.raises(GuestStateError, match="login prompt"):
            await run(node, "true")


async def test_a_session_that_was_left_open_is_silent_and_stays(shared_data: Path) -> None:
    """The stand-in shows an old session as a real node did: the screen is cleared, and no prompt comes."""
    from proxmox_mcp.guests.terminal import open_terminal

    async with stand_in(shared_data) as node:
        async with open_terminal(node, CONTAINER) as terminal:
            assert await terminal.until(rb"# ", PATIENCE)
            await terminal.type(b"x=unsaved; echo rea''dy\r")
            assert await terminal.until(rb"ready\r\n[^\n]*# ", PATIENCE)  # else its prompt comes to who attaches next
        with pytest.raises(GuestSessionError, match="shows nothing where a new one shows a prompt"):
            await run(node, "true", patience=Patience(prompt=1))
        async with open_terminal(node, CONTAINER) as terminal:
            await terminal.type(b"echo $x-work\r")
            assert await terminal.until(rb"unsaved-work", PATIENCE)
