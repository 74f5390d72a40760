"""The guest after its task: running or not, and on which node, read once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.render.units import short_duration
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.proxmox.tasks import TaskOutcome
    from proxmox_mcp.proxmox.upid import Upid

_READ_WITHIN = 10.0
_KINDS = {"qm": "qemu", "vz": "lxc"}
_CHANGES_STATE = frozenset({"start", "stop", "shutdown", "reboot", "suspend", "resume", "reset", "pause"})
_MIGRATIONS = {"qmigrate": "qemu", "vzmigrate": "lxc"}
_TARGET = re.compile(r"migration of (?:VM|CT) [0-9]{3,9} to node '([A-Za-z0-9-]{1,63})'")
_LONGEST_NAME = 100


class Aftermath(Struct, frozen=True):
    """How the guests of a task ended, for the reader.

    ``failed``: something failed that the end of the task does not tell; ``advice`` says what to do about it.
    """

    text: str = ""
    failed: bool = False
    advice: str = ""


NOTHING = Aftermath()


class GuestNow(Struct, frozen=True):
    """A guest as it is: ``state`` is running, stopped, paused or suspended."""

    vmid: str
    name: str
    node: str
    state: str
    uptime: float = 0.0
    lock: str = ""

    def __str__(self) -> str:
        name = f" {shown(self.name, _LONGEST_NAME)}" if self.name else ""
        up = f", up {short_duration(self.uptime)}" if self.state == "running" and self.uptime else ""
        lock = f", locked ({shown(self.lock)})" if self.lock else ""
        return f"{self.vmid}{name} is {shown(self.state)} on {shown(self.node)}{up}{lock}."


async def guest_after(outcome: TaskOutcome, call: Call | None, cluster: Cluster) -> Aftermath:
    """The state of the guest that a task started, stopped or moved; empty for other tasks. One request."""
    place = await _place(outcome, call, cluster)
    if place is None:
        return NOTHING
    node, kind, vmid = place
    try:
        now = await read_guest(node, kind, vmid, cluster)
    except ProxmoxError as error:
        return Aftermath(f"The state of {vmid} could not be read: {error.message.splitlines()[0]}")
    return Aftermath(str(now) if now else "")


async def read_guest(node: str, kind: str, vmid: str, cluster: Cluster) -> GuestNow | None:
    """The guest as its node has it now; None if the answer has no status. Raises ProxmoxError."""
    data: Any = await cluster.pve.get(f"/nodes/{node}/{kind}/{vmid}/status/current", deadline=_READ_WITHIN)
    if not isinstance(data, dict) or not data.get("status"):
        return None
    state, detail = str(data["status"]), str(data.get("qmpstatus") or "")
    if state == "running" and detail in ("paused", "suspended", "prelaunch", "internal-error", "io-error"):
        state = detail
    uptime = data.get("uptime")
    return GuestNow(
        vmid=vmid,
        name=str(data.get("name") or ""),
        node=node,
        state=state,
        uptime=float(uptime) if isinstance(uptime, (int, float)) else 0.0,
        lock=str(data.get("lock") or ""),
    )


async def _place(outcome: TaskOutcome, call: Call | None, cluster: Cluster) -> tuple[str, str, str] | None:
    """Node, kind and id of the guest whose state a task changes."""
    task = outcome.task
    if not task.id.isdecimal():
        return None
    if kind := _MIGRATIONS.get(task.type):
        moved = outcome.state in ("ok", "warnings")
        node = (_target(outcome, call) or await _found(task, cluster)) if moved else task.node
        return (node, kind, task.id) if node else None
    kind = _KINDS.get(task.type[:2], "")
    return (task.node, kind, task.id) if kind and task.type[2:] in _CHANGES_STATE else None


def _target(outcome: TaskOutcome, call: Call | None) -> str:
    """The node that a guest was moved to, as the call or the log names it."""
    if call is not None and (target := call.data.get("target")):
        return str(target)
    return next((found[1] for line in outcome.tail if (found := _TARGET.search(line[:500]))), "")


async def _found(task: Upid, cluster: Cluster) -> str:
    try:
        guest = (await cluster.inventory.resources(fresh=True)).guest(task.id)
    except ProxmoxError:
        return ""
    return guest.node if guest else ""
