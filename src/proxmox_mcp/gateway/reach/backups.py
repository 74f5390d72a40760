"""The guests of a backup or a job, and the backups that a retention removes."""

# Tested through tests/gateway/test_reach.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.confirm.subjects import Subject
from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.gateway.backup_runs import doomed, runs, taken
from proxmox_mcp.gateway.reach.found import Reached, guests_reached
from proxmox_mcp.policy.values import texts
from proxmox_mcp.proxmox.records import records

if TYPE_CHECKING:
    from proxmox_mcp.gateway.live_state import LiveState


async def of_backup(live: LiveState) -> Reached:
    """The guests that a job takes now and those that it would take afterwards, and the backups that its run removes."""
    resources = await live.resources()
    vmids = {guest.vmid: guest for run in await runs(live) if run for guest in taken(run, resources)}
    guests = guests_reached((vmids[vmid] for vmid in sorted(vmids)), live)
    if Effect.DESTROY not in live.call.judgement.effects:
        return guests
    return Reached((*guests.subjects, *await _removed(live)), guests.listed)


async def _removed(live: LiveState) -> tuple[Subject, ...]:
    try:
        gone = await doomed(live)
        unread = "its storage, its guests or its retention is not known"
    except ProxmoxError as error:
        gone, unread = None, error.message
    if gone is None:
        return (Subject(kind="what is removed by", id=live.call.path.text, unread=unread),)
    return tuple(Subject(kind="backup", id=each.volume, state={"of": each.guest}) for each in gone)


async def of_prune(live: LiveState) -> Reached:
    """The backups that would go, one by one: the same path tells them to a GET."""
    call = live.call
    wanted = {name: "".join(texts(value)) for name, value in call.data.items()}
    listed = await live.read(call.path.encoded.partition("?")[0], wanted)
    subjects = tuple(
        Subject(kind="backup", id=str(each.get("volid", "")), state={"of": str(each.get("vmid", ""))})
        for each in records(listed)
        if each.get("mark") == "remove"
    )
    return Reached(subjects, frozenset({"guest"}))
