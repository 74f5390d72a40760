"""What lies on a storage and writes to it, and the storages that are on a pool or file system of Ceph."""

# Tested through tests/gateway/test_reach.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.confirm.subjects import Subject
from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.gateway.reach.found import Reached, subject_of
from proxmox_mcp.proxmox.records import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.gateway.reach.found import Reader

_MOST_NODES = 8
"""Nodes whose part of a storage is read; a shared one is read at one node."""


async def of_storage(live: LiveState) -> Reached:
    """The guests with volumes on a storage, its backups, and the jobs that write to it."""
    return Reached(await _on([live.call.path_params.get("storage", "")], live), frozenset({"guest", "storage"}))


def on_ceph(type_: str, *keys: str) -> Reader:
    """The storages of this type that one of the keys puts on what the call is about, with all that is on them.

    This is never all: other clusters, and storages that this identity may not see, can be on it too.
    """

    async def read(live: LiveState) -> Reached:
        name = live.call.path_params.get("name", "")
        entries = [each for each in records(await live.read("/storage")) if each.get("type") == type_]
        names = sorted(str(each.get("storage")) for each in entries if name in [str(each.get(key)) for key in keys])
        storages = (Subject(kind="storage", id=each, identity={"type": type_}) for each in names)
        return Reached((*storages, *await _on(names, live)) if names else ())

    return read


async def _on(names: Iterable[str], live: LiveState) -> tuple[Subject, ...]:
    resources = await live.resources()
    wanted = frozenset(names)
    entries: list[dict[str, Any]] = []
    subjects: list[Subject] = []
    for name in sorted(wanted):
        places = [storage for storage in resources.storages if storage.name == name]
        for node in [each.node for each in (places[:1] if places and places[0].shared else places)][:_MOST_NODES]:
            try:
                entries += records(await live.read(f"/nodes/{node}/storage/{name}/content"))
            except ProxmoxError as error:
                subjects.append(Subject(kind=f"content of {name} on node", id=node, unread=error.message))
    owners = {str(each.get("vmid")) for each in entries if each.get("content") in ("images", "rootdir")}
    subjects += [subject_of(guest) for guest in resources.guests if str(guest.vmid) in owners]
    subjects += [
        Subject(kind="backup", id=str(each.get("volid", ""))) for each in entries if each.get("content") == "backup"
    ]
    jobs = records(await live.read("/cluster/backup"))
    subjects += [
        Subject(kind="backup job", id=str(each.get("id", ""))) for each in jobs if str(each.get("storage")) in wanted
    ]
    return tuple(subjects)
