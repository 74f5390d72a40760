"""Whether what a step works on is there: the guest at its node, and the snapshot that the path names.

What an earlier step of the plan makes or moves counts as there. Only what is certain is a fault: where the token may
not see all guests, or nothing can be read, Proxmox decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import ProxmoxError, TargetError
from proxmox_mcp.gateway.plans.steps import StepFault
from proxmox_mcp.gateway.resolve import unknown_guest
from proxmox_mcp.proxmox.inventory import listed
from proxmox_mcp.proxmox.records import records
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.plans.steps import ConcreteStep
    from proxmox_mcp.proxmox.inventory import Resources

_READ_WITHIN = 10.0
_MOVES = frozenset({"migrate", "remote_migrate"})


class Snapshots:
    """The names of the snapshots of guests, each guest read once; None where they can't be read."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._names: dict[str, frozenset[str] | None] = {}

    async def read(self, steps: Iterable[ConcreteStep]) -> None:
        """Read those of all guests whose steps name a snapshot, at the same time."""
        guests = {_guest_path(step) for step in steps if snapshot_in(step)} - self._names.keys()
        async with anyio.create_task_group() as group:
            for guest in guests:
                group.start_soon(self._read, guest)

    def missing(self, step: ConcreteStep, earlier: Iterable[ConcreteStep]) -> str:
        """What is wrong where the step names a snapshot that is neither there nor made by an earlier step."""
        name, guest = snapshot_in(step), _guest_path(step)
        names = self._names.get(guest)
        if not name or names is None or name in names:
            return ""
        if any(_guest_path(each) == guest and each.data.get("snapname") == name for each in earlier):
            return ""
        there = f"There are: {listed(sorted(names))}." if names else "It has none."
        return f"{step.path.segments[3]} has no snapshot {shown(name)}. {there}"

    async def _read(self, guest: str) -> None:
        try:
            found = await self._cluster.pve.get(f"{guest}/snapshot", deadline=_READ_WITHIN)
        except ProxmoxError:
            self._names[guest] = None
            return
        self._names[guest] = frozenset(str(each.get("name")) for each in records(found)) - {"current"}


def snapshot_in(step: ConcreteStep) -> str:
    """The snapshot that a path names; empty where it names none."""
    parts = step.path.segments
    return parts[5] if step.path.guest is not None and len(parts) > 5 and parts[4] == "snapshot" else ""


async def missing_places(steps: Sequence[ConcreteStep], snapshots: Snapshots) -> Mapping[str, str]:
    """The places of a ``*`` at which there is no such snapshot, by path: they are left out, and said."""
    fanned = [step for step in steps if step.fanned]
    await snapshots.read(fanned)
    found = {step.path.encoded: snapshots.missing(step, steps[: step.number - 1]) for step in fanned}
    return {path: why for path, why in found.items() if why}


async def missing_targets(
    steps: Sequence[ConcreteStep], snapshots: Snapshots, resources: Resources, *, sees_all: bool
) -> dict[int, StepFault]:
    """The faults of steps whose guest or snapshot is not there, by the number of the step."""
    await snapshots.read(steps)
    faults: dict[int, StepFault] = {}
    for step in steps:
        earlier = steps[: step.number - 1]
        error = _missing_guest(step, earlier, resources, sees_all=sees_all)
        if error is None and (said := snapshots.missing(step, earlier)):
            error = TargetError(said)
        if error is not None:
            faults[step.number] = StepFault(step.given, error)
    return faults


def _missing_guest(
    step: ConcreteStep, earlier: Sequence[ConcreteStep], resources: Resources, *, sees_all: bool
) -> TargetError | None:
    named = step.path.guest
    if named is None or not named[1].isdecimal():
        return None
    kind, vmid = named
    if any(vmid in (str(each.data.get("vmid")), str(each.data.get("newid"))) for each in earlier):
        return None
    guest = resources.guest(vmid)
    if guest is None:
        return TargetError(f"There is no guest {vmid}.", unknown_guest(vmid, resources)) if sees_all else None
    moved = any(_guest_path(each) == _guest_path(step) or _MOVES & {*each.path.segments[4:5]} for each in earlier)
    if (guest.type, guest.node) == (kind, step.path.segments[1]) or moved:
        return None
    there = ApiPath.of(["nodes", guest.node, guest.type, vmid, *step.path.segments[4:]])
    return TargetError(
        f"{vmid} is {'a VM' if guest.type == 'qemu' else 'a container'} on {guest.node}.", f"The path: {there}"
    )


def _guest_path(step: ConcreteStep) -> str:
    return ApiPath.of(step.path.segments[:4]).encoded
