"""A QEMU guest agent behind Proxmox's API: an emulation that says what ``qga/commands.c`` and Proxmox's
``PVE::QemuServer::Agent`` say, and the real program (``qemu-ga`` on a socket of its own) behind the same API.

The programs run on this machine, as those of the VM.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from proxmox_mcp.errors import FailedError, ParametersError
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox.access import Posted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from anyio.abc import ByteStream

VMID = 100


class Channel(Protocol):
    """The agent itself: what QEMU passes on."""

    async def command(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The agent's whole answer: ``return`` or ``error``."""
        ...


@dataclass
class EmulatedAgent:
    """``guest-exec`` as ``qga`` does it: started without a session of its own, its result given once, when the process
    has ended and both its pipes are closed."""

    processes: dict[int, tuple[asyncio.subprocess.Process, asyncio.Task[tuple[bytes, bytes]]]] = field(
        default_factory=dict
    )

    async def command(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name == "guest-exec":
            return await self._start(arguments)
        if name == "guest-exec-status":
            return self._status(arguments["pid"])
        return {"return": {}}

    async def _start(self, arguments: dict[str, Any]) -> dict[str, Any]:
        data = base64.b64decode(arguments.get("input-data", ""))
        try:
            process = await asyncio.create_subprocess_exec(
                arguments["path"],
                *arguments.get("arg", []),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            text = f"Failed to execute child process “{arguments['path']}” ({error.strerror})"
            return {"error": {"class": "GenericError", "desc": f"Guest agent command failed, error was '{text}'"}}
        self.processes[process.pid] = process, asyncio.create_task(process.communicate(data))
        return {"return": {"pid": process.pid}}

    def _status(self, pid: int) -> dict[str, Any]:
        if pid not in self.processes:
            return {"error": {"class": "GenericError", "desc": "Invalid parameter 'pid'"}}
        process, outputs = self.processes[pid]
        if not outputs.done():
            return {"return": {"exited": False}}
        del self.processes[pid]
        out, err = outputs.result()
        code = process.returncode or 0
        status: dict[str, Any] = {"exited": True} | ({"signal": -code} if code < 0 else {"exitcode": code})
        if out:
            status["out-data"] = base64.b64encode(out).decode()
        if err:
            status["err-data"] = base64.b64encode(err).decode()
        return {"return": status}

    async def stop(self) -> None:
        for process, outputs in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await outputs
        self.processes.clear()


@dataclass
class RealAgent:
    """``qemu-ga`` on a Unix socket."""

    program: str
    directory: Path

    async def start(self) -> None:
        socket = self.directory / "qga.sock"
        self._process = await asyncio.create_subprocess_exec(
            self.program, "-m", "unix-listen", "-p", str(socket), "-t", str(self.directory), stderr=subprocess.DEVNULL
        )
        for _ in itertools.count():
            try:
                self._reader, self._writer = await asyncio.open_unix_connection(str(socket), limit=1 << 26)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(0.05)

    async def command(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self._writer.write(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self._reader.readline())
        return answer

    async def stop(self) -> None:
        self._writer.close()
        self._process.terminate()
        await self._process.wait()


@dataclass
class AgentNode:
    """Proxmox's side of it: ``agent/exec`` and ``agent/exec-status`` as ``PVE::API2::Qemu::Agent`` has them."""

    channel: Channel
    config: dict[str, Any] = field(default_factory=lambda: {"agent": "1", "ostype": "l26"})
    running: bool = True
    answers: bool = True
    forbids: bool = False
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def commands(self) -> list[list[str]]:
        return [params["command"] for method, path, params in self.calls if path.endswith("/agent/exec")]

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        self.calls.append(("GET", path, dict(params or {})))
        if path.endswith("/config"):
            return dict(self.config)
        if path.endswith("/status/current"):
            return {"status": "running" if self.running else "stopped"}
        if path.endswith("/agent/exec-status"):
            status = await self._agent("guest-exec-status", {"pid": int((params or {})["pid"])})
            for name in ("out-data", "err-data"):
                if name in status:
                    status[name] = base64.b64decode(status[name]).decode("latin-1")
            return {name: int(value) if isinstance(value, bool) else value for name, value in status.items()}
        return {"result": await self._agent("guest-info", {})}

    async def post(self, path: str, params: Mapping[str, Any] | None = None) -> Posted:
        self.calls.append(("POST", path, dict(params or {})))
        assert path == f"/nodes/pve1/qemu/{VMID}/agent/exec"
        given = dict(params or {})
        data = given.pop("input-data", None)
        program, *words = given.pop("command")
        assert not given
        arguments: dict[str, Any] = {"capture-output": True, "path": program, "arg": words}
        if data is not None:
            if len(data) > 64 * 1024:
                raise ParametersError("Parameter verification failed.", status=400)
            if any(ord(character) > 255 for character in data):
                raise FailedError("Wide character in subroutine entry", status=500)
            arguments["input-data"] = base64.b64encode(data.encode("latin-1")).decode()
        return Posted(await self._agent("guest-exec", arguments), HostPort("pve1", 8006))

    async def connect(self, host: HostPort) -> ByteStream:
        raise AssertionError("no terminal is opened for a VM")

    async def credentials(self, host: HostPort) -> Mapping[str, str]:
        raise AssertionError("no terminal is opened for a VM")

    async def _agent(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if "agent" not in self.config:
            raise FailedError("No QEMU guest agent configured", status=500)
        if not self.running:
            raise FailedError(f"VM {VMID} is not running", status=500)
        if not self.answers:
            raise FailedError("QEMU guest agent is not running", status=500)
        if self.forbids and name == "guest-exec":
            raise FailedError("Agent error: Command guest-exec has been disabled", status=500)
        answer = await self.channel.command(name, arguments)
        if "error" in answer:
            raise FailedError(f"Agent error: {answer['error']['desc']}", status=500)
        found: dict[str, Any] = answer["return"]
        return found
