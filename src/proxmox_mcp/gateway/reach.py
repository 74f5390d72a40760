"""What a call hits without naming it: the guests of a mass action or a backup job, the backups that a retention
removes, what uses a storage, who loses by the end of a group, user or role.

Whoever confirms sees all of it, one by one, and the confirmation is bound to that list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.reviews import call_key
from proxmox_mcp.confirm.subjects import Subject
from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.policy.values import members, texts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.proxmox.inventory import Guest, Resources

_MOST_NODES = 8
"""Nodes whose part of a storage is read; a shared one is read at one node."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What is hit without being named; ``listed`` are the kinds of targets of which this is all."""

    subjects: tuple[Subject, ...] = ()
    listed: frozenset[str] = field(default_factory=frozenset)


async def reached(live: LiveState) -> Reached:
    """Empty for a call that hits no more than it names. Raises ProxmoxError where it can't be read."""
    read = _READERS.get(call_key(live.call.method, live.call.template))
    return await read(live) if read else Reached()


def _guests(found: Iterable[Guest], live: LiveState) -> Reached:
    named = live.call.targets.guests
    return Reached(
        tuple(_guest(guest) for guest in found if guest.vmid not in named), frozenset({"guest", "node", "pool"})
    )


def _guest(guest: Guest) -> Subject:
    kind = "VM" if guest.type == "qemu" else "container"
    return Subject(
        kind=kind, id=str(guest.vmid), identity={"name": guest.name}, state={"on": guest.node, "status": guest.status}
    )


def _on_node(fits: Callable[[Guest], bool]) -> Callable[[LiveState], Awaitable[Reached]]:
    """The guests of the node in the path, or of all nodes, for which the action makes a difference."""

    async def read(live: LiveState) -> Reached:
        if live.call.data.get("vms"):
            return Reached(listed=frozenset({"guest"}))
        node = live.call.path_params.get("node")
        resources = await live.resources()
        return _guests((g for g in resources.guests if node in (None, g.node) and not g.template and fits(g)), live)

    return read


async def _of_backup(live: LiveState) -> Reached:
    """The guests of a backup or a job: those that it takes now, and those that it would take afterwards."""
    resources, call = await live.resources(), live.call
    before = await live.configuration() if call.path_params.get("id") else None
    after = {**(before or {}), **call.data}
    if not call.data.keys().isdisjoint(_SELECTION):
        after = {name: value for name, value in after.items() if name not in _SELECTION or name in call.data}
    if "node" in call.path_params:
        after["node"] = call.path_params["node"]
    states = [state for state in (before, after if call.method != "DELETE" else None) if state]
    vmids = {guest.vmid: guest for state in states for guest in _selected(state, resources)}
    return _guests((vmids[vmid] for vmid in sorted(vmids)), live)


_SELECTION = frozenset({"vmid", "pool", "all"})


def _selected(job: Mapping[str, Any], resources: Resources) -> Iterator[Guest]:
    """``PVE::VZDump::get_included_guests``: the guests named, those of a pool and of the pools in it, or all."""
    named = {member for text in texts(job.get("vmid")) for member in members(text)}
    excluded = {member for text in texts(job.get("exclude")) for member in members(text)}
    pool, node = "".join(texts(job.get("pool"))), "".join(texts(job.get("node")))
    for guest in resources.guests:
        if node and guest.node != node:
            continue
        vmid = str(guest.vmid)
        if named:
            wanted = vmid in named
        elif pool:
            wanted = guest.pool == pool or guest.pool.startswith(f"{pool}/")
        else:
            wanted = "1" in texts(job.get("all"))
        if wanted and vmid not in excluded:
            yield guest


async def _of_prune(live: LiveState) -> Reached:
    """The backups that would go, one by one: the same path tells them to a GET."""
    call = live.call
    wanted = {name: "".join(texts(value)) for name, value in call.data.items()}
    listed = await live.read(call.path.encoded.partition("?")[0], wanted)
    doomed = [each for each in _records(listed) if each.get("mark") == "remove"]
    subjects = tuple(
        Subject(kind="backup", id=str(each.get("volid", "")), state={"of": str(each.get("vmid", ""))})
        for each in doomed
    )
    return Reached(subjects, frozenset({"guest"}))


async def _of_storage(live: LiveState) -> Reached:
    """The guests with volumes on a storage, its backups, and the jobs that write to it."""
    name = live.call.path_params.get("storage", "")
    resources = await live.resources()
    places = [storage for storage in resources.storages if storage.name == name]
    nodes = [each.node for each in (places[:1] if places and places[0].shared else places)][:_MOST_NODES]
    entries: list[dict[str, Any]] = []
    subjects: list[Subject] = []
    for node in nodes:
        try:
            entries += _records(await live.read(f"/nodes/{node}/storage/{name}/content"))
        except ProxmoxError as error:
            subjects.append(Subject(kind="content of the storage on node", id=node, unread=error.message))
    owners = {str(each.get("vmid")) for each in entries if each.get("content") in ("images", "rootdir")}
    subjects += [_guest(guest) for guest in resources.guests if str(guest.vmid) in owners]
    subjects += [
        Subject(kind="backup", id=str(each.get("volid", ""))) for each in entries if each.get("content") == "backup"
    ]
    jobs = _records(await live.read("/cluster/backup"))
    subjects += [
        Subject(kind="backup job", id=str(each.get("id", ""))) for each in jobs if str(each.get("storage")) == name
    ]
    return Reached(tuple(subjects), frozenset({"guest", "storage"}))


async def _of_ha_rule(live: LiveState) -> Reached:
    configuration = await live.configuration() or {}
    named = {member.rpartition(":")[2] for text in texts(configuration.get("resources")) for member in members(text)}
    resources = await live.resources()
    return _guests((guest for guest in resources.guests if str(guest.vmid) in named), live)


def _losing(parameter: str, kind: str) -> Callable[[LiveState], Awaitable[Reached]]:
    """The members and tokens of what goes, and the entries of the ACL that go with it."""

    async def read(live: LiveState) -> Reached:
        name = live.call.path_params.get(parameter, "")
        configuration = await live.configuration() or {}
        subjects = [
            Subject(kind="user", id=member) for text in texts(configuration.get("members")) for member in members(text)
        ]
        tokens = configuration.get("tokens")
        subjects += [Subject(kind="token", id=f"{name}!{token}") for token in sorted(tokens or ())]
        for entry in _records(await live.read("/access/acl")):
            whose = str(entry.get("ugid", ""))
            lost = str(entry.get("roleid")) == name if kind == "role" else whose in (name, *_tokens(name, tokens))
            if lost and (kind == "role" or entry.get("type") in (kind, "token")):
                of = {str(entry.get("type", "of")): whose, "role": str(entry.get("roleid", ""))}
                subjects.append(Subject(kind="ACL entry", id=str(entry.get("path", "")), identity=of))
        return Reached(tuple(subjects))

    return read


def _tokens(user: str, tokens: object) -> Iterator[str]:
    return (f"{user}!{token}" for token in (tokens if isinstance(tokens, dict | list) else ()))


def _records(listed: Any) -> list[dict[str, Any]]:
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _running(guest: Guest) -> bool:
    return guest.status != "stopped"


def _stopped(guest: Guest) -> bool:
    return guest.status != "running"


def _any(guest: Guest) -> bool:  # noqa: ARG001
    return True


_READERS: Mapping[str, Callable[[LiveState], Awaitable[Reached]]] = {
    "POST /nodes/{}/startall": _on_node(_stopped),
    "POST /nodes/{}/stopall": _on_node(_running),
    "POST /nodes/{}/suspendall": _on_node(_running),
    "POST /nodes/{}/migrateall": _on_node(_any),
    "POST /nodes/{}/status": _on_node(_running),
    "POST /cluster/bulk-action/guest/start": _on_node(_stopped),
    "POST /cluster/bulk-action/guest/shutdown": _on_node(_running),
    "POST /cluster/bulk-action/guest/suspend": _on_node(_running),
    "POST /cluster/bulk-action/guest/migrate": _on_node(_any),
    "POST /nodes/{}/vzdump": _of_backup,
    "POST /cluster/backup": _of_backup,
    "PUT /cluster/backup/{}": _of_backup,
    "DELETE /cluster/backup/{}": _of_backup,
    "DELETE /nodes/{}/storage/{}/prunebackups": _of_prune,
    "PUT /storage/{}": _of_storage,
    "DELETE /storage/{}": _of_storage,
    "PUT /cluster/ha/rules/{}": _of_ha_rule,
    "DELETE /cluster/ha/rules/{}": _of_ha_rule,
    "DELETE /access/groups/{}": _losing("groupid", "group"),
    "DELETE /access/users/{}": _losing("userid", "user"),
    "DELETE /access/roles/{}": _losing("roleid", "role"),
    "PUT /access/roles/{}": _losing("roleid", "role"),
}
