"""Requests to HA, followed until the resource has reached the state or the node that was asked for.

Under HA a start, stop or migration is a task (``hastart``, ``hastop``, ``hamigrate``) that ends once the request is
queued; the manager acts on it every ten seconds (``PVE::HA::Manager``, ``PVE::API2::HA::Status``). Requests to HA
itself (``/cluster/ha/resources/...``) have no task at all.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct

from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.gateway.guest_end import Aftermath, GuestNow, read_guest
from proxmox_mcp.proxmox.records import records
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.request import Client
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.proxmox.tasks import TaskOutcome

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 3.0
_READ_WITHIN = 10.0
_STATUS = "/cluster/ha/status/current"
_TYPES = {"hastart": "running", "hastop": "stopped", "hashutdown": "stopped", "hamigrate": ""}
_WANTED = {"started": "running", "enabled": "running", "stopped": "stopped", "disabled": "stopped"}
_KINDS = {"vm": "qemu", "ct": "lxc"}
_RESOURCE = "/cluster/ha/resources/{sid}"
_MOVES = frozenset({f"{_RESOURCE}/migrate", f"{_RESOURCE}/relocate"})
_MOVING = frozenset({"migrate", "relocate"})
_TO_NODE = re.compile(r"Requesting HA migration for (?:VM|CT) [0-9]{3,9} to node ([A-Za-z0-9-]{1,63})")
_SID = re.compile(r"(?:(vm|ct):)?([1-9][0-9]{2,8})")


class HaRequest(Struct, frozen=True):
    """What HA was asked for: the guest with this id in ``state`` (running, stopped), or on ``node``."""

    vmid: str
    state: str = ""
    node: str = ""

    def __str__(self) -> str:
        return f"on {shown(self.node)}" if self.node else self.state

    def reached_by(self, guest: GuestNow) -> bool:
        return guest.node == self.node if self.node else guest.state == self.state


def request_of_task(outcome: TaskOutcome, call: Call | None) -> HaRequest | None:
    """What a task asked of HA; None for a task that asked nothing of it."""
    task = outcome.task
    if task.type not in _TYPES or not task.id.isdecimal():
        return None
    if task.type != "hamigrate":
        return HaRequest(task.id, state=_TYPES[task.type])
    named = next((found[1] for line in outcome.tail if (found := _TO_NODE.search(line[:500]))), "")
    node = named or (str(call.data.get("target") or call.data.get("node") or "") if call is not None else "")
    return HaRequest(task.id, node=node) if node else None


def request_of_call(call: Call) -> HaRequest | None:
    """What a call about a resource of HA (``sid``), which has no task, asked of it; None if it asked for nothing that
    takes time."""
    found = _SID.fullmatch(call.path_params.get("sid", ""))
    if found is None:
        return None
    if call.template in _MOVES and call.data.get("node"):
        return HaRequest(found[2], node=str(call.data["node"]))
    state = _WANTED.get(str(call.data.get("state", "")))
    return HaRequest(found[2], state=state) if call.template == _RESOURCE and call.method == "PUT" and state else None


async def follow_ha(request: HaRequest, until: float, cluster: Cluster, client: Client) -> Aftermath:
    """Wait until HA has done what it was asked for, has given it up, or ``until`` (monotonic); at least one look."""
    seen, pause, moving = _Seen(), FIRST_PAUSE, False
    while True:
        try:
            seen = await _look(request, cluster)
        except ProxmoxError as error:
            seen = _Seen(unread=error.message.splitlines()[0])
        if seen.guest is not None and request.reached_by(seen.guest):
            return Aftermath(f"Done by HA: {seen.guest}")
        given_up = seen.state == "error" or (moving and bool(seen.state) and seen.state not in _MOVING)
        if given_up:
            return _given_up(request, seen)
        moving = moving or seen.state in _MOVING
        left = until - time.monotonic()
        if left <= 0:
            return _not_yet(request, seen)
        await client.progress(None, f"HA: {request.vmid} is {shown(seen.state or 'not read')}")
        await anyio.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE)


class _Seen(Struct, frozen=True):
    """One look: the resource's ``state`` for HA, and the guest itself."""

    state: str = ""
    guest: GuestNow | None = None
    unread: str = ""

    def __str__(self) -> str:
        return self.unread or f"HA has it as `{shown(self.state)}`. {self.guest or ''}".strip()


async def _look(request: HaRequest, cluster: Cluster) -> _Seen:
    for entry in records(await cluster.pve.get(_STATUS, deadline=_READ_WITHIN)):
        if entry.get("type") != "service":
            continue
        kind, _, vmid = str(entry.get("sid", "")).partition(":")
        if vmid == request.vmid and kind in _KINDS:
            state = str(entry.get("state") or entry.get("crm_state") or "")
            guest = await read_guest(str(entry.get("node", "")), _KINDS[kind], vmid, cluster)
            return _Seen(state, guest)
    return _Seen(unread="HA has no such resource")


def _given_up(request: HaRequest, seen: _Seen) -> Aftermath:
    node = seen.guest.node if seen.guest else "{node}"
    return Aftermath(
        f"NOT done by HA: {request.vmid} should be {request}. {seen}",
        failed=True,
        advice=(
            f'The cause is in the log of the last failed task: GET /nodes/{node}/tasks data={{"vmid": {request.vmid}, '
            f'"errors": 1}}. A resource in the state error stays so until it is set to disabled, then to started: '
            f"PUT /cluster/ha/resources/{request.vmid}."
        ),
    )


def _not_yet(request: HaRequest, seen: _Seen) -> Aftermath:
    return Aftermath(
        f"The request is with HA, and not done yet: {request.vmid} should be {request}. {seen}\n"
        f"HA continues. To look again: GET {_STATUS}"
    )
