"""Commands in a container of the tests' node, and the patience to wait for them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from guests.node import VMID, Node
from patience import PATIENCE
from proxmox_mcp.guests.container_exec import run_in_container
from proxmox_mcp.guests.model import ExecResult, GuestCommand, GuestOnNode
from proxmox_mcp.guests.progress import Tell, tell_nobody
from proxmox_mcp.guests.window import Patience
from tools import required

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    Clean = Callable[[Node], Awaitable[None]]

CONTAINER = GuestOnNode("lxc", VMID, "pve1")
PATIENT = Patience(prompt=PATIENCE, answer=PATIENCE, line=PATIENCE, stopping=PATIENCE, report=PATIENCE)
"""A busy machine makes everything late."""
BRIEF = Patience(prompt=1.5, answer=PATIENCE, ending=1)
"""Where what is waited for does not come."""


async def run(
    node: Node,
    command: str | Sequence[str],
    data: bytes = b"",
    *,
    seconds: float = PATIENCE,
    limit: int = 1 << 20,
    patience: Patience = PATIENT,
    tell: Tell = tell_nobody,
) -> ExecResult:
    return await run_in_container(
        node, CONTAINER, GuestCommand.parse(command), data, seconds, limit=limit, patience=patience, tell=tell
    )


def environment_with(shell: str, directory: Path) -> dict[str, str]:
    """What a container with this shell adds to the environment: with ash nothing but BusyBox is there, as in Alpine."""
    if shell != "ash":
        required(shell)
        return {}
    applets = directory / "applets"
    applets.mkdir()
    subprocess.run([required("busybox"), "--install", "-s", str(applets)], check=False, capture_output=True)
    return {"PATH": str(applets)}
