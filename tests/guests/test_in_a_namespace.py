"""Commands in a container as its processes see one: namespaces of its own, entered as ``lxc-attach`` does.

dtach runs outside, as on a node; the shell has its own processes, mounts, name and ``/proc``, no parent in there, and
the terminal for itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guests.node import VMID, Node
from patience import PATIENCE, eventually, until
from proxmox_mcp.guests import GuestCommand, GuestOnNode
from proxmox_mcp.guests.container_exec import run_in_container
from proxmox_mcp.guests.window import Patience
from tools import required

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from proxmox_mcp.guests import ExecResult

pytestmark = pytest.mark.anyio

PATIENT = Patience(prompt=PATIENCE, answer=PATIENCE, line=PATIENCE, stopping=PATIENCE, report=PATIENCE)
INIT = (
    "hostname ct105; for d in /dev/shm /run /tmp /root; do mount -t tmpfs none $d; done; echo up; exec sleep infinity"
)


class Container:
    """Namespaces that a process holds which does nothing: the container's init. ``process`` is its number outside."""

    def __init__(self) -> None:
        unshare = [required("unshare"), "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"]
        self._holder = subprocess.Popen([*unshare, "sh", "-c", INIT], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._holder.stdout
        assert self._holder.stderr
        if self._holder.stdout.readline() != b"up\n":
            self._holder.kill()
            pytest.skip(f"no namespaces here: {self._holder.communicate()[1].decode().strip()}")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        until(lambda: children.read_text().strip())
        self.process = int(children.read_text().split()[0])

    @property
    def entered(self) -> tuple[str, ...]:
        """What runs a program inside, as ``lxc-attach`` does."""
        return (required("nsenter"), "--target", str(self.process), "--mount", "--pid", "--uts", "--ipc")

    def inside(self, command: str) -> str:
        done = subprocess.run([*self.entered, "sh", "-c", command], capture_output=True, check=True, text=True)
        return done.stdout

    @property
    def processes(self) -> list[str]:
        """Command lines of all processes inside, without the one that looks."""
        listed = self.inside("for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null && echo; done")
        return [line.strip() for line in listed.splitlines() if line.strip() and "cmdline" not in line]

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        self._holder.communicate()


@pytest.fixture
def container() -> Iterator[Container]:
    required("dtach")
    required("nsenter")
    container = Container()
    yield container
    container.stop()


@pytest.fixture(params=["bash -li", "dash -i"])
async def node(request: pytest.FixtureRequest, tmp_path: Path, container: Container) -> AsyncIterator[Node]:
    shell = str(request.param).split()
    attach = (*container.entered, required("setsid"), "--ctty", required(shell[0]), *shell[1:])
    node = Node(tmp_path, shell=attach, environment={"HOME": "/root"})
    await node.start()
    yield node
    await node.stop()


async def run(node: Node, command: str | Sequence[str], data: bytes = b"", *, seconds: float = PATIENCE) -> ExecResult:
    work = GuestCommand.parse(command)
    return await run_in_container(node, GuestOnNode("lxc", VMID, "pve1"), work, data, seconds, patience=PATIENT)


async def test_a_command_runs_inside_and_leaves_nothing(node: Node, container: Container) -> None:
    before = container.inside("ls -A /dev/shm /run /tmp /root")
    data = bytes(range(256)) * 200

    result = await run(node, "hostname >&2; cat; exit 7", data)

    assert (result.stdout.data, result.stderr.data, result.exit_code) == (data, b"ct105\n", 7)
    await eventually(lambda: container.processes == ["sleep infinity"], lambda: str(container.processes))
    assert container.inside("ls -A /dev/shm /run /tmp /root") == before
    assert (await run(node, "echo next")).stdout.data == b"next\n"


async def test_what_takes_too_long_is_killed_inside(node: Node, container: Container) -> None:
    result = await run(node, "trap '' TERM; echo on; (trap '' TERM; sleep 1000); sleep 1000", seconds=1)

    assert result.timed_out
    assert result.stdout.data == b"on\n"
    await eventually(lambda: container.processes == ["sleep infinity"], lambda: str(container.processes))


async def test_a_command_sees_the_processes_of_the_container_only(node: Node, container: Container) -> None:
    result = await run(node, "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done; cat /proc/1/comm")

    assert result.stdout.text.endswith("sleep\n")
    assert "pytest" not in result.stdout.text
    assert container.process
