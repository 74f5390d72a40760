"""The one entry: the guest's state, its node's versions, one command at a time, and what may be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from guests.agent import VMID as VM_ID
from guests.agent import AgentNode, EmulatedAgent
from guests.node import VMID, Node
from patience import PATIENCE, eventually
from proxmox_mcp.errors import (
    GuestStateError,
    GuestVersionError,
    InvalidCallError,
    PermissionDeniedError,
)
from proxmox_mcp.guests import (
    MAX_INPUT,
    GuestCommand,
    GuestCommands,
    GuestExec,
    GuestOnNode,
    LocalLocks,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTAINER, VM = GuestOnNode("lxc", VMID, "pve1"), GuestOnNode("qemu", VM_ID, "pve1")
NEW = [
    {"Package": "pve-container", "OldVersion": "6.1.3", "CurrentState": "Installed"},
    {"Package": "libpve-access-control", "OldVersion": "9.0.7", "CurrentState": "Installed"},
    {"Package": "proxmox-termproxy", "OldVersion": "2.1.0", "CurrentState": "Installed"},
]


def request(guest: GuestOnNode, command: str | Sequence[str] = "echo hi", **more: Any) -> GuestExec:
    return GuestExec(guest=guest, command=GuestCommand.parse(command), **more)


def commands(node: Any, **more: Any) -> GuestCommands:
    return GuestCommands(node, LocalLocks(), **more)


@pytest.mark.anyio
async def test_a_container_and_a_vm_answer_alike(node: Node) -> None:
    node.packages = NEW

    for cluster, guest in ((node, CONTAINER), (AgentNode(EmulatedAgent()), VM)):
        result = await commands(cluster).run(request(guest, "cat; exit 4", data=b"in", seconds=PATIENCE))
        assert (result.stdout.data, result.exit_code, result.ok) == (b"in", 4, False)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("config", "cure"),
    [({"cmode": "tty"}, '{"cmode": "shell"}'), ({}, '{"cmode": "shell"}'), ({"cmode": "console"}, "status/reboot")],
)
async def test_a_container_without_a_shell_says_the_two_calls_and_makes_neither(
    node: Node, config: dict[str, str], cure: str
) -> None:
    node.config = config

    with pytest.raises(GuestStateError, match="cmode") as refused:
        await commands(node).run(request(CONTAINER))

    assert cure in refused.value.advice
    assert all(method == "GET" for method, _ in node.calls)


@pytest.mark.anyio
async def test_a_console_mode_that_waits_for_a_restart_is_told(node: Node) -> None:
    async def get(path: str, params: Any = None) -> Any:
        if path.endswith("/config"):
            return {"cmode": "tty" if (params or {}).get("current") else "shell"}
        return await Node.get(node, path, params)

    node.get = get  # type: ignore[method-assign]
    with pytest.raises(GuestStateError, match="takes effect at its next start"):
        await commands(node).run(request(CONTAINER))


@pytest.mark.anyio
async def test_a_guest_that_is_stopped_says_how_to_start_it(node: Node) -> None:
    node.running = False
    for cluster, guest in ((node, CONTAINER), (AgentNode(EmulatedAgent(), running=False), VM)):
        with pytest.raises(GuestStateError, match="is stopped") as refused:
            await commands(cluster).run(request(guest))
        assert "/status/start" in refused.value.advice


@pytest.mark.anyio
async def test_a_guest_that_is_starting_is_waited_for(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxmox_mcp.guests.exec.LOOK_EVERY", 0.01)
    vm = AgentNode(EmulatedAgent(), running=False, answers=False)
    node.running = False
    done: list[bytes] = []

    async def run(cluster: Any, guest: GuestOnNode) -> None:
        result = await commands(cluster).run(request(guest, wait_until_ready=PATIENCE, seconds=PATIENCE))
        done.append(result.stdout.data)

    async with anyio.create_task_group() as group:
        group.start_soon(run, node, CONTAINER)
        group.start_soon(run, vm, VM)
        await eventually(lambda: len(vm.calls) > 3)
        node.running = vm.running = True
        await eventually(lambda: any(path.endswith("/agent/info") for _, path, _ in vm.calls))
        assert not vm.commands
        vm.answers = True

    assert done == [b"hi\n", b"hi\n"]


@pytest.mark.anyio
async def test_a_guest_that_does_not_become_ready_says_what_was_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxmox_mcp.guests.exec.LOOK_EVERY", 0.01)
    vm = AgentNode(EmulatedAgent(), answers=False)

    with pytest.raises(GuestStateError, match="does not answer: QEMU guest agent is not running"):
        await commands(vm).run(request(VM, wait_until_ready=0.1))


@pytest.mark.anyio
async def test_a_node_that_is_too_old_is_told_before_anything_is_opened(node: Node) -> None:
    node.packages = [*NEW[1:], {"Package": "pve-container", "OldVersion": "6.0.18", "Version": "6.1.3"}]

    with pytest.raises(GuestVersionError, match=r"pve-container 6.0.18 \(needs 6.1.3\)"):
        await commands(node).run(request(CONTAINER))

    assert all(method == "GET" for method, _ in node.calls)


@pytest.mark.anyio
async def test_a_login_by_password_needs_no_version(node: Node) -> None:
    node.packages = [{"Package": "pve-container", "OldVersion": "6.0.18"}]

    result = await commands(node, by_token=False).run(request(CONTAINER, seconds=PATIENCE))

    assert result.ok


@pytest.mark.anyio
async def test_versions_that_may_not_be_read_are_left_to_the_attempt(node: Node) -> None:
    async def get(path: str, params: Any = None) -> Any:
        if path.endswith("/apt/versions"):
            raise PermissionDeniedError("Permission check failed (/nodes/pve1, Sys.Audit)", status=403)
        return await Node.get(node, path, params)

    node.get = get  # type: ignore[method-assign]
    assert (await commands(node).run(request(CONTAINER, seconds=PATIENCE))).ok


@pytest.mark.anyio
async def test_two_commands_in_one_container_run_one_after_the_other(node: Node) -> None:
    node.packages = NEW
    runs = commands(node)
    found: dict[str, bytes] = {}

    async def run(name: str) -> None:
        command = f"cd {node.directory}; mkdir alone && sleep 0.3; rmdir alone && echo {name}"
        found[name] = (await runs.run(request(CONTAINER, command, seconds=PATIENCE))).stdout.data

    async with anyio.create_task_group() as group:
        for name in ("one", "two", "three"):
            group.start_soon(run, name)

    assert found == {name: f"{name}\n".encode() for name in ("one", "two", "three")}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"seconds": 0}, "timeout is 0"),
        ({"seconds": 601}, "at most 600"),
        ({"data": b"x" * (MAX_INPUT + 1)}, "input is"),
        ({"limit": 0}, "output limit"),
    ],
)
async def test_what_is_out_of_bounds_is_refused_before_anything_is_asked(more: dict[str, Any], message: str) -> None:
    vm = AgentNode(EmulatedAgent())

    with pytest.raises(InvalidCallError, match=message):
        await commands(vm).run(request(VM, **more))

    assert not vm.calls
