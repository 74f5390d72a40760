"""A task for many guests, told guest by guest: by its log, and by how the guests are after it.

The state is read from the nodes themselves: ``/cluster/resources`` is up to ten seconds old.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import anyio
from msgspec import Struct

from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.gateway.guest_end import NOTHING, Aftermath
from proxmox_mcp.policy.values import list_members
from proxmox_mcp.proxmox.advice import FailedCall, advise
from proxmox_mcp.proxmox.guest_results import ACTIONS, Action, GuestResult
from proxmox_mcp.proxmox.inventory import in_a_row
from proxmox_mcp.proxmox.records import records
from proxmox_mcp.render.units import number_of
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.proxmox.inventory import Guest, Resources
    from proxmox_mcp.proxmox.tasks import TaskOutcome

_READ_WITHIN = 10.0
_MOST_NODES = 16
_MOST_FAILED, _MOST_NAMED, _MOST_ADVISED = 20, 40, 3
_LONGEST_NAME, _LONGEST_SAID = 60, 160
_DONE: dict[Action, str] = {
    "start": "running",
    "stop": "stopped",
    "suspend": "suspended",
    "migrate": "moved",
    "backup": "backed up",
}
_PATHS: dict[Action, str] = {
    "start": "{guest}/status/start",
    "stop": "{guest}/status/shutdown",
    "suspend": "{guest}/status/suspend",
    "migrate": "{guest}/migrate",
    "backup": "/nodes/{node}/vzdump",
}

End = Literal["done", "failed", "left out", "with HA", "not verified"]


class GuestEnd(Struct, frozen=True):
    """How a task ended for one guest: ``said`` is for the reader, ``error`` as the log has it, for advice.

    ``guest`` is None where the cluster no longer shows it.
    """

    vmid: int
    end: End
    said: str = ""
    error: str = ""
    guest: Guest | None = None

    @property
    def name(self) -> str:
        return (
            f"{self.vmid} {shown(self.guest.name, _LONGEST_NAME)}" if self.guest and self.guest.name else str(self.vmid)
        )


async def guests_after(outcome: TaskOutcome, call: Call | None, cluster: Cluster) -> Aftermath:
    """How each guest of a task for many ended; empty for other tasks, and where there was one guest only."""
    action = ACTIONS.get(outcome.task.type)
    if action is None or outcome.state == "running" or (action == "backup" and len(outcome.guests) < 2):
        return NOTHING
    try:
        resources = await cluster.inventory.resources(fresh=True)
        live = await _live(action, outcome, resources, cluster)
    except ProxmoxError as error:
        unread = f"The state of the guests could not be read: {error.message.splitlines()[0]}"
        return _told(action, [_by_log(each, None, outcome) for each in outcome.guests], unread)
    view = _View(outcome, call, resources, live)
    ends = [view.end_of(each, action) for each in outcome.guests]
    ends += view.not_in_the_log(action)
    return _told(action, sorted(ends, key=lambda each: each.vmid))


async def _live(
    action: Action, outcome: TaskOutcome, resources: Resources, cluster: Cluster
) -> Mapping[int, str] | None:
    """The state of the guests by their nodes; None where the action doesn't show in it, or too many would be asked."""
    if action not in ("start", "stop"):
        return None
    vmids = {each.vmid for each in outcome.guests}
    nodes = {guest.node for guest in resources.guests if guest.vmid in vmids}
    if outcome.task.type in ("startall", "stopall"):
        nodes = {outcome.task.node}
    if len(nodes) > _MOST_NODES:
        return None
    live: dict[int, str] = {}
    errors: list[ProxmoxError] = []

    async def read(path: str) -> None:
        try:
            listed = await cluster.pve.get(path, deadline=_READ_WITHIN)
        except ProxmoxError as error:
            errors.append(error)
            return
        for record in records(listed):
            if str(record.get("vmid", "")).isdecimal():
                live[int(record["vmid"])] = str(record.get("status", ""))

    async with anyio.create_task_group() as group:
        for node in sorted(nodes):
            for kind in ("qemu", "lxc"):
                group.start_soon(read, f"/nodes/{node}/{kind}")
    if errors:
        raise errors[0].fresh()
    return live


class _View(Struct, frozen=True):
    """The cluster after the task."""

    outcome: TaskOutcome
    call: Call | None
    resources: Resources
    live: Mapping[int, str] | None

    @property
    def _target(self) -> str:
        return str(self.call.data.get("target", "")) if self.call else ""

    def end_of(self, result: GuestResult, action: Action) -> GuestEnd:
        """The end of one guest that the log names."""
        guest = self.resources.guest(result.vmid)
        if result.state in ("failed", "skipped") or action in ("backup", "suspend"):
            return _by_log(result, guest, self.outcome)
        done = partial(GuestEnd, result.vmid, guest=guest)
        if action == "migrate":
            if guest is None or not self._target:
                return done("not verified")
            if guest.node == self._target:
                return done("done")
            return done("with HA", "moves it") if guest.ha_state else done("failed", f"still on {shown(guest.node)}")
        state = (self.live or {}).get(result.vmid, "")
        if not state:
            return done("not verified")
        if state == {"start": "running", "stop": "stopped"}[action]:
            return done("done")
        now = f"is {shown(state)}"
        return done("with HA", now) if guest and guest.ha_state else done("failed", now)

    def not_in_the_log(self, action: Action) -> Iterable[GuestEnd]:
        """Guests that the task was for, that it did not reach, and of which its log says nothing."""
        named = {each.vmid for each in self.outcome.guests}
        node, kind = self.outcome.task.node, self.outcome.task.type
        chosen = _chosen(self.call)
        for guest in self.resources.guests:
            if guest.vmid in named or guest.node != node or (chosen and guest.vmid not in chosen):
                continue
            if kind == "stopall" and (self.live or {}).get(guest.vmid) == "running":
                if guest.ha_state:
                    yield GuestEnd(guest.vmid, "left out", "under HA", guest=guest)
                else:
                    yield GuestEnd(guest.vmid, "failed", "is running, the log does not name it", guest=guest)
            elif kind == "migrateall" and self._target and action == "migrate":
                yield GuestEnd(guest.vmid, "failed", f"still on {shown(node)}, the log does not name it", guest=guest)


def _chosen(call: Call | None) -> set[int]:
    """The guests that a call named in ``vms``; empty where it meant all."""
    given = list_members(call.data.get("vms")) if call else []
    return {int(text) for text in given if text.isdecimal() and len(text) < 10}


def _by_log(result: GuestResult, guest: Guest | None, outcome: TaskOutcome) -> GuestEnd:
    said = shown(result.said, _LONGEST_SAID) if result.said else ""
    if result.state == "failed":
        return GuestEnd(result.vmid, "failed", said, result.said, guest)
    if result.state == "skipped":
        return GuestEnd(result.vmid, "left out", said, guest=guest)
    if result.state == "begun" and outcome.task.type == "vzdump":
        return GuestEnd(result.vmid, "failed", "begun, and not finished", guest=guest)
    sure = result.state == "ok" or outcome.task.type.startswith(("bulk-", "startall"))  # these name what failed
    return GuestEnd(result.vmid, "done" if sure else "not verified", said, guest=guest)


def _told(action: Action, ends: Sequence[GuestEnd], note: str = "") -> Aftermath:
    if not ends:
        return Aftermath(note or "The log names no guest.")
    groups: dict[End, list[GuestEnd]] = {}
    for each in ends:
        groups.setdefault(each.end, []).append(each)
    words: dict[End, str] = {"failed": "FAILED", "with HA": "with HA", "left out": "left out", "done": _DONE[action]}
    words["not verified"] = "begun, not verified"
    counts = ", ".join(f"{len(groups[end])} {word}" for end, word in words.items() if end in groups)
    lines = [f"{number_of(len(ends), 'guest')}: {counts}"]
    failed = groups.get("failed", [])
    lines += [f"- {each.name}: {each.said}" for each in failed[:_MOST_FAILED]]
    if len(failed) > _MOST_FAILED:
        lines.append(f"- and {len(failed) - _MOST_FAILED} more failed")
    for end, word in words.items():
        if end in groups and end != "failed":
            lines.append(f"{word}: {_names(groups[end], with_reasons=end in ('left out', 'with HA'))}")
    return Aftermath("\n".join([*lines, note] if note else lines), bool(failed), _advice(action, failed))


def _names(ends: Sequence[GuestEnd], *, with_reasons: bool) -> str:
    named = [f"{each.name} ({each.said})" if with_reasons and each.said else each.name for each in ends[:_MOST_NAMED]]
    return in_a_row(named, len(ends))


def _advice(action: Action, failed: Sequence[GuestEnd]) -> str:
    """What to do about each cause, once."""
    texts: dict[str, None] = {}
    for each in failed:
        if each.guest is not None and len(texts) < _MOST_ADVISED:
            path = _PATHS[action].format(guest=each.guest.path, node=each.guest.node)
            texts[advise(each.error, FailedCall("POST", path, task=True))] = None
    return " ".join(filter(None, texts))
