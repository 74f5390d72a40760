"""The one entry: a command for a guest, whatever its kind, to its result."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct

from proxmox_mcp.errors import GuestStateError, InvalidCallError, ProxmoxError
from proxmox_mcp.guests.agent_exec import run_in_vm, stopped
from proxmox_mcp.guests.model import DEFAULT_TIMEOUT, MAX_INPUT, MAX_OUTPUT, MAX_TIMEOUT
from proxmox_mcp.guests.ownership import needs_console_mode
from proxmox_mcp.guests.progress import tell_nobody
from proxmox_mcp.guests.versions import check_versions

if TYPE_CHECKING:
    from proxmox_mcp.guests.locks import GuestLocks
    from proxmox_mcp.guests.model import ExecResult, GuestCommand, GuestOnNode
    from proxmox_mcp.guests.progress import Tell
    from proxmox_mcp.guests.terminal import GuestApi

LOOK_EVERY = 1.0
WAIT_AT_LEAST = 10.0
"""Seconds that a command waits for another one in the same container, however short it may be itself."""


class GuestExec(Struct, frozen=True, kw_only=True):
    """A command, what it reads, and how long it may take. ``wait_until_ready``: for a guest that is just starting, wait
    up to that long until it runs and its agent answers. ``limit``: bytes kept of each output."""

    guest: GuestOnNode
    command: GuestCommand
    data: bytes = b""
    seconds: float = DEFAULT_TIMEOUT
    wait_until_ready: float = 0.0
    limit: int = MAX_OUTPUT

    def check(self) -> None:
        """Raise InvalidCallError for what is out of bounds."""
        if not 0 < self.seconds <= MAX_TIMEOUT:
            raise InvalidCallError(
                f"timeout is {self.seconds:g}: it must be above 0 and at most {MAX_TIMEOUT} seconds.",
                "Start what takes longer in the background: systemd-run, or nohup with its output in a file.",
            )
        if len(self.data) > MAX_INPUT:
            raise InvalidCallError(
                f"input is {len(self.data)} bytes; {MAX_INPUT} are the most.", "Send it in several calls."
            )
        if not 0 < self.limit <= MAX_OUTPUT:
            raise InvalidCallError(f"The output limit is {self.limit}; it must be 1 to {MAX_OUTPUT} bytes.")


class GuestCommands:
    """Runs commands in the guests of one cluster. ``by_token``: whether its identity is an API token."""

    def __init__(self, cluster: GuestApi, locks: GuestLocks, *, name: str = "", by_token: bool = True) -> None:
        self._cluster, self._locks, self._name, self._by_token = cluster, locks, name, by_token

    async def run(self, request: GuestExec, tell: Tell = tell_nobody) -> ExecResult:
        """``tell`` hears what is waited for. Raises InvalidCallError, GuestError where it did not run or its result is
        not known, or ProxmoxError."""
        request.check()
        await self._ready(request, tell)
        if request.guest.kind == "qemu":
            return await self._in_vm(request, tell)
        return await self._in_container(request, tell)

    async def _in_vm(self, request: GuestExec, tell: Tell) -> ExecResult:
        config: Any = await self._cluster.get(f"{request.guest.path}/config", {"current": "1"})
        system = str(config.get("ostype", "")) if isinstance(config, dict) else ""
        return await run_in_vm(
            self._cluster,
            request.guest,
            request.command,
            request.data,
            request.seconds,
            windows=system.startswith("w"),
            limit=request.limit,
            tell=tell,
        )

    async def _in_container(self, request: GuestExec, tell: Tell) -> ExecResult:
        # Imported with the first of these commands: most servers run none.
        from proxmox_mcp.guests.container_exec import run_in_container

        guest = request.guest
        await self._has_shell(guest)
        if self._by_token:
            await self._node_is_new_enough(guest.node)
        key = f"{self._name}/{guest.kind}/{guest.vmid}"
        async with self._locks.hold(key, max(request.seconds, WAIT_AT_LEAST)):
            return await run_in_container(
                self._cluster, guest, request.command, request.data, request.seconds, limit=request.limit, tell=tell
            )

    async def _has_shell(self, guest: GuestOnNode) -> None:
        """The configuration in force decides (``current=1``); without it, what the next start brings is shown."""
        in_force: Any = await self._cluster.get(f"{guest.path}/config", {"current": "1"})
        mode = str(in_force.get("cmode", "tty")) if isinstance(in_force, dict) else "tty"
        if mode != "shell":
            pending: Any = await self._cluster.get(f"{guest.path}/config")
            next_mode = str(pending.get("cmode", "tty")) if isinstance(pending, dict) else "tty"
            raise needs_console_mode(guest, mode, next_mode)

    async def _node_is_new_enough(self, node: str) -> None:
        try:
            packages = await self._cluster.get(f"/nodes/{node}/apt/versions")
        except ProxmoxError:
            return  # It takes Sys.Audit on the node: then the attempt tells.
        check_versions(packages, node)

    async def _ready(self, request: GuestExec, tell: Tell) -> None:
        over = time.monotonic() + request.wait_until_ready
        while (unready := await self._unready(request)) is not None:
            if time.monotonic() >= over:
                raise unready
            await tell(f"waiting until {request.guest} is ready")
            await anyio.sleep(LOOK_EVERY)

    async def _unready(self, request: GuestExec) -> GuestStateError | None:
        guest = request.guest
        status: Any = await self._cluster.get(f"{guest.path}/status/current")
        if not isinstance(status, dict) or status.get("status") != "running":
            return stopped(guest)
        if guest.kind == "qemu" and request.wait_until_ready:
            try:
                await self._cluster.get(f"{guest.path}/agent/info")
            except ProxmoxError as error:
                return GuestStateError(f"The guest agent of {guest} does not answer: {error.message}", error.advice)
        return None
