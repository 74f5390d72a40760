"""The measured processes: the scripted Proxmox, this server, the bare server; with their memory and descriptors."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["ours", "bare"]
Transport = Literal["sse", "http", "stdio"]

DELAY = 0.010
"""Seconds that the scripted Proxmox takes over ``/cluster/resources``: what a small idle node takes."""
_START_WITHIN = 60.0
OURS = (sys.executable, "-m", "proxmox_mcp", "serve", "--stdio")
BARE = (sys.executable, "-m", "benchmarks.bare")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens."""

    kind: Kind
    port: int
    process: subprocess.Popen[bytes]

    @property
    def memory(self) -> float:
        """As ``memory_of``."""
        return memory_of(self.process.pid)

    @property
    def descriptors(self) -> int:
        """Files and sockets that it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))  # noqa: PTH208

    @property
    def seconds(self) -> float:
        """Processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(process_id: int) -> float:
    """Private resident memory in MiB (without memory shared with other processes)."""
    text = Path(f"/proc/{process_id}/smaps_rollup").read_text(encoding="ascii")
    lines = (line.split() for line in text.splitlines())
    return sum(int(line[1]) for line in lines if line[0] in ("Private_Clean:", "Private_Dirty:")) / 1024


def process_clock(process_id: int) -> int:
    """The clock of the processor time that a process has used (``clock_getcpuclockid(3)``, which Python lacks)."""
    return ~process_id << 3 | 2


@contextlib.contextmanager
def upstream(guests: int = 50, delay: float = DELAY) -> Iterator[str]:
    """A scripted Proxmox; ``host:port``."""
    command = [sys.executable, "-m", "benchmarks.upstream", str(delay), str(guests)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def environment(kind: Kind, at: str, state: Path) -> dict[str, str]:
    """The environment of a server; ours without rate limits, which a load test would reach, and otherwise by default.

    Python keeps its bytecode cache, as in any installation.
    """
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PROXMOX_", "MCP_"))}
    plain.pop("PYTHONDONTWRITEBYTECODE", None)
    if kind == "bare":
        return {**plain, "UPSTREAM": at} if at else plain
    return {
        **plain,
        "PROXMOX_HOST": at or "127.0.0.1:9",
        "PROXMOX_USER": "mcp@pve",
        "PROXMOX_TOKEN_ID": "bench",
        "PROXMOX_PASSWORD": "6f1b7a52-0c0e-4f0e-9a55-5b8c1f0d2e11",
        "MCP_HOST": "127.0.0.1",
        "MCP_CACHE_DIR": str(state),
        "MCP_AUDIT_FILE": str(state / "audit.jsonl"),
        "MCP_RATE_LIMIT": "0",
        "MCP_CONCURRENCY": "1000",
        "MCP_LOG_LEVEL": "WARNING",
    }


@contextlib.contextmanager
def serving(kind: Kind, transport: Transport, at: str, state: Path) -> Iterator[Server]:
    """A server over HTTP, ready to be called."""
    port = _free_port()
    told = environment(kind, at, state)
    if kind == "ours":
        command, told["MCP_PORT"] = [sys.executable, "-m", "proxmox_mcp", "serve"], str(port)
    else:
        serves = "sse" if transport == "sse" else "streamable-http"
        command, told = list(BARE), {**told, "PORT": str(port), "SERVE": serves}
    process = subprocess.Popen(command, env=told)
    try:
        _await(process, port)
        yield Server(kind, port, process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    ends = time.monotonic() + _START_WITHIN
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"{process.args!r} does not listen on {port}")
