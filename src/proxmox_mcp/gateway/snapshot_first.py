"""A snapshot before a call, where a rule asks for one (``snapshot = true``): which guests, and when it is refused.

A snapshot that can't be taken refuses the call: the rule wants a way back, and there would be none.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.confirm.subjects import storages_of
from proxmox_mcp.errors import DeniedError, ProxmoxError, ProxmoxMcpError
from proxmox_mcp.gateway.agreement import Agreed
from proxmox_mcp.gateway.request import call_of
from proxmox_mcp.proxmox.records import flag
from proxmox_mcp.record.snapshots_first import new_name
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.gateway.request import Request
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.proxmox.inventory import Guest, Resources

_FULL = 0.8
"""A share of a storage that is used: a snapshot on a thin pool that fills up stops every guest on it."""
_FRESH_SECONDS = 86_400.0
"""The age of a backup that stands for a snapshot where the guest is deleted, and its snapshots with it."""
_ONLY_NEWEST = frozenset({"zfspool", "zfs"})
"""Storages that can roll back to the newest snapshot only (``PVE::Storage::ZFSPoolPlugin``,
``volume_rollback_is_possible``)."""
_PATIENCE = 3600.0
"""Seconds to wait for a snapshot: of many volumes it takes a while."""
_NOT_SENT = "Nothing was sent."


class SnapshotFirst(Struct, frozen=True):
    """One snapshot to take: the path that is posted to and its data."""

    guest: Guest
    name: str
    path: str
    data: Mapping[str, str]

    @property
    def told(self) -> str:
        """For the answer of the call: what was done, and how to go back."""
        back = f"POST {self.path}/{self.name}/rollback"
        return f"Snapshot {self.name} of {self.guest.vmid} was taken first. Back to it: {back}"


async def snapshot_first(
    call: Call, request: Request, live: LiveState, run: Callable[[Call, Request], Awaitable[Call]]
) -> tuple[Call, tuple[str, ...]]:
    """Take the snapshots that a rule asks for, each as a call of its own by ``run``: the call as it is to be sent, and
    what is said of the snapshots.

    A snapshot changes the ``digest`` of the guest's configuration, which the call may carry. Raises DeniedError where a
    snapshot can't be taken or fails: then the call is not sent.
    """
    told: list[str] = []
    for snapshot in await snapshots_before(call, live):
        before = _digest_in(await live.read(f"{snapshot.guest.path}/config"))
        agreed = Agreed.of_snapshot(call)
        asked = replace(request, data=snapshot.data, confirm="", work=None, wait=_PATIENCE, agreed=agreed)
        try:
            await run(call_of(asked, "POST", ApiPath.parse(snapshot.path), call.cluster), asked)
        except ProxmoxMcpError as error:
            said = f"A rule asks for a snapshot of {snapshot.guest} before this call, and that failed: {error.message}"
            raise DeniedError(said, f"The call itself was not sent. {error.advice}".strip()) from error
        told.append(snapshot.told)
        if before and call.data.get("digest") == before:
            now = _digest_in(await live.cluster.pve.get(f"{snapshot.guest.path}/config"))
            call = replace(call, data={**call.data, "digest": now})
    return call, tuple(told)


async def snapshots_before(call: Call, live: LiveState) -> tuple[SnapshotFirst, ...]:
    """The snapshots to take before a call whose rule asks for them. Raises DeniedError where one can't be taken.

    None for what works on snapshots itself, and for a guest that does not exist yet or is a template.
    """
    tail = call.template.partition("{vmid}")[2]
    if tail.startswith("/snapshot") and not tail.endswith("/rollback"):
        return ()
    try:
        resources = await live.resources()
    except ProxmoxError as error:
        raise DeniedError(_asked(f"the guests can't be read: {error.message}"), _NOT_SENT) from error
    known = (resources.guest(vmid) for vmid in sorted(call.targets.guests))
    guests = [guest for guest in known if guest is not None and not guest.template]
    if not guests and "guest" in call.targets.open_ended:
        raise DeniedError(_asked("which guests the call hits is not known"), f"{_NOT_SENT} Name the guests.")
    if call.method == "DELETE" and not tail:
        for guest in guests:
            await _must_have_a_backup(guest, resources, live)
        return ()
    taken = []
    for guest in guests:
        await _must_be_possible(guest, resources, live, rollback=tail.endswith("/rollback"))
        taken.append(_snapshot(guest, call))
    return tuple(taken)


def _snapshot(guest: Guest, call: Call) -> SnapshotFirst:
    name = new_name()
    why = f"Before {call.name[:200]}, called by {call.caller.name}"
    return SnapshotFirst(guest, name, f"{guest.path}/snapshot", {"snapname": name, "description": why})


async def _must_be_possible(guest: Guest, resources: Resources, live: LiveState, *, rollback: bool) -> None:
    try:
        config = await live.read(f"{guest.path}/config")
        feature = await live.read(f"{guest.path}/feature", {"feature": "snapshot"})
    except ProxmoxError as error:
        raise DeniedError(_asked(f"{guest} can't be read: {error.message}"), _NOT_SENT) from error
    if not (isinstance(feature, dict) and flag(feature, "hasFeature")):
        raise DeniedError(
            _asked(f"the storage of {guest} takes no snapshots"), f"{_NOT_SENT} Have the operator see to it."
        )
    for name in storages_of(config) if isinstance(config, dict) else ():
        records = [r for r in resources.records if r.get("type") == "storage" and r.get("storage") == name]
        of_node = next((r for r in records if r.get("node") == guest.node), {})
        used, size = of_node.get("disk"), of_node.get("maxdisk")
        if isinstance(used, int | float) and isinstance(size, int | float) and size and used / size > _FULL:
            said = f"storage {shown(name)} of {guest} is {used / size:.0%} full, more than {_FULL:.0%}"
            raise DeniedError(_asked(said), f"{_NOT_SENT} Make room first, for example by deleting old snapshots.")
        if rollback and of_node.get("plugintype") in _ONLY_NEWEST:
            said = f"ZFS rolls back to the newest snapshot only, and a new one of {guest} would prevent the rollback"
            raise DeniedError(_asked(said), f"{_NOT_SENT} Have the operator take rollbacks out of that rule.")


async def _must_have_a_backup(guest: Guest, resources: Resources, live: LiveState) -> None:
    """A guest takes its snapshots with it: what stands for one is a backup of the last day."""
    times = [backup.get("ctime") for backup in await live.backups(guest, resources) or ()]
    newest = max((float(each) for each in times if isinstance(each, int | float)), default=0.0)
    if newest < time.time() - _FRESH_SECONDS:
        raise DeniedError(
            _asked(f"a deletion takes the snapshots with it, and {guest} has no backup of the last day"),
            f"{_NOT_SENT} Make a backup first: POST /nodes/{guest.node}/vzdump with vmid={guest.vmid} and a storage.",
        )


def _digest_in(config: Any) -> str:
    digest = config.get("digest") if isinstance(config, dict) else None
    return digest if isinstance(digest, str) else ""


def _asked(said: str) -> str:
    return f"A rule asks for a snapshot before this call, and {said}."
