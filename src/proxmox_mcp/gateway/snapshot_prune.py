"""Removes old snapshots that were taken because a rule asked for them: found on the cluster, deleted by a plan."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.gateway.plans import PlanStep
from proxmox_mcp.record.snapshots_first import is_taken_first

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from proxmox_mcp.gateway.answers import Result
    from proxmox_mcp.gateway.request import Request

_EVERYWHERE = "/nodes/*/guests/*/snapshot"


class OldSnapshots(Struct, frozen=True):
    """The steps that delete old snapshots, the oldest first, and ``notes`` on guests that could not be asked."""

    steps: tuple[PlanStep, ...]
    notes: tuple[str, ...] = ()


async def old_snapshots(
    request: Request,
    read: Callable[[Request], Awaitable[Result]],
    before: float,
    taken_by: Mapping[tuple[int, str], int],
) -> OldSnapshots:
    """The snapshots of one cluster that a rule had taken before a moment, seconds since 1970.

    ``taken_by`` gives the number of the change that took a snapshot, by guest and name: deleting it undoes that change.
    Raises ProxmoxMcpError where no guest could be asked.
    """
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    first, more = 0, True
    while more:
        asked = replace(request, method="GET", path=_EVERYWHERE, data={}, places=first, dry_run=False, confirm="")
        result = await read(asked)
        rows += result.data
        first = result.places.following if result.places else 0
        more = first > 0
        notes += [note for note in result.notes if "cursor=" not in note]
    old = [row for row in rows if is_taken_first(row.get("name")) and 0 < _moment(row) < before]
    return OldSnapshots(tuple(_step(row, taken_by) for row in sorted(old, key=_moment)), tuple(notes))


def _step(row: Mapping[str, Any], taken_by: Mapping[tuple[int, str], int]) -> PlanStep:
    vmid, name = int(row["vmid"]), str(row["name"])
    day = datetime.fromtimestamp(_moment(row), UTC).astimezone()
    return PlanStep(
        method="DELETE",
        path=ApiPath.of(["nodes", str(row["node"]), str(row["kind"]), str(vmid), "snapshot", name]).encoded,
        why=f"taken first on {day:%Y-%m-%d}",
        literal=True,
        undoes=taken_by.get((vmid, name)),
    )


def _moment(row: Mapping[str, Any]) -> float:
    """When a snapshot was taken; 0 where Proxmox does not say so."""
    taken = row.get("snaptime")
    return float(taken) if isinstance(taken, int | float) else 0.0
