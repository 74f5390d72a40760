"""Ctrl-C during a command that has something done in the cluster: what goes on is told, and how to look at it."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from proxmox_mcp.cli import startup
from proxmox_mcp.gateway import FOR_PEOPLE
from proxmox_mcp.proxmox.upid import parse_upid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.gateway import Gateway


@contextmanager
def telling_what_goes_on(gateway: Gateway, otherwise: str) -> Iterator[None]:
    """Around a command: at Ctrl-C it tells which tasks go on, or ``otherwise`` where none was waited for; exits with
    130."""
    try:
        yield
    except KeyboardInterrupt:
        left = [upid for cluster in gateway.clusters.values() for upid in cluster.tasks.left]
        startup.interrupted(f"Interrupted. {_told(left) if left else otherwise}".rstrip())


@contextmanager
def interruptible() -> Iterator[None]:
    """Around a question that is asked within an event loop, whose own handler would keep the first Ctrl-C from it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _told(upids: list[str]) -> str:
    lines = ["The task goes on:" if len(upids) == 1 else "These tasks go on:", *upids]
    lines.append("To see what runs: proxmox-mcp tasks --running")
    named = parse_upid(upids[0])
    if len(upids) == 1 and named is not None:
        path = f"/nodes/{named.node}/tasks/{upids[0]}"
        lines += [FOR_PEOPLE.wait.format(path=path), FOR_PEOPLE.stop.format(path=path)]
    return "\n".join(lines)
