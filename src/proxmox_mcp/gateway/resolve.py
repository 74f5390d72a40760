"""Paths that leave a node open, name a guest, or stand for many: made concrete by what the cluster holds.

``nodes/*/qemu/102/config`` and ``nodes/*/qemu/web-02/config`` become the path on the node the guest is on. In a GET,
``*`` also stands for every node, every guest of a kind, every storage. ``guests`` stands for either kind: VMs and
containers. Pure functions over a snapshot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ANY, GUESTS, KINDS, ApiPath
from proxmox_mcp.errors import TargetError
from proxmox_mcp.proxmox.inventory import Guest, Resources, Storage, listed, listed_guests, near

if TYPE_CHECKING:
    from collections.abc import Iterator

_OFFLINE = "offline"


class Target(Struct, frozen=True):
    """One concrete path, and the places that were filled in (empty or None if they were not).

    ``kind`` is ``qemu`` or ``lxc`` where the path left that open.
    """

    path: ApiPath
    node: str = ""
    guest: Guest | None = None
    storage: str = ""
    online: bool = True
    kind: str = ""


def resolve(path: ApiPath, method: str, resources: Resources) -> tuple[Target, ...]:
    """The concrete paths that a path stands for: one, or for a GET with ``*`` as many as there are (even none).

    Raises ``TargetError`` with the candidates where a guest or node is unknown or a name is borne twice, and where
    a call that changes something would go to several places.
    """
    targets = tuple(_expand(path, resources))
    if len(targets) == 1 or method == "GET":
        if not path.query:
            return targets
        return tuple(replace(target, path=replace(target.path, query=path.query)) for target in targets)
    raise TargetError(
        f"{path} stands for {len(targets)} places, and {method} goes to one.",
        f"Name the place: {listed([t.path.encoded for t in targets])}." if targets else "There is nothing there.",
    )


def _expand(path: ApiPath, resources: Resources) -> Iterator[Target]:
    parts = list(path.segments)
    if len(parts) > 1 and parts[0] == "storage" and parts[1] == ANY:
        for name in dict.fromkeys(s.name for s in resources.storages):
            yield Target(ApiPath.of(["storage", name, *_plain(parts[2:])]), storage=name)
    elif len(parts) > 1 and parts[0] == "pools" and parts[1] == ANY:
        for name in resources.pools:
            yield Target(ApiPath.of(["pools", name, *_plain(parts[2:])]))
    elif len(parts) > 1 and parts[0] == "nodes":
        yield from _on_nodes(path, resources)
    else:
        yield Target(ApiPath.of(_plain(parts)))


def _on_nodes(path: ApiPath, resources: Resources) -> Iterator[Target]:
    node, rest = path.segments[1], list(path.segments[2:])
    if path.needs_lookup:
        _must_be_a_node(node, resources)
    if len(rest) > 1 and rest[0] in (*KINDS, GUESTS):
        yield from _guests(node, rest[0], rest[1], _plain(rest[2:]), resources)
    elif len(rest) > 1 and rest[0] == "storage" and ANY in (node, rest[1]):
        # What follows content/ is a volume's name, in which a star is a star.
        tail = rest[2:] if rest[2:3] == ["content"] else _plain(rest[2:])
        yield from _storages(node, rest[1], tail, resources)
    elif rest == [GUESTS]:
        for known in resources.nodes:
            if node in (ANY, known.name):
                for kind in KINDS:
                    path = ApiPath.of(["nodes", known.name, kind])
                    yield Target(path, node=known.name, online=known.status != _OFFLINE, kind=kind)
    elif node == ANY:
        for known in resources.nodes:
            yield Target(
                ApiPath.of(["nodes", known.name, *_plain(rest)]), node=known.name, online=known.status != _OFFLINE
            )
    else:
        yield Target(ApiPath.of(["nodes", node, *(rest if rest[:1] == ["storage"] else _plain(rest))]), node=node)


def _guests(node: str, kind: str, which: str, tail: list[str], resources: Resources) -> Iterator[Target]:
    if which == ANY:
        guests = [g for g in resources.guests if kind in (GUESTS, g.type) and node in (ANY, g.node)]
    elif which.isdecimal() and node != ANY and kind != GUESTS:
        # It is complete: Proxmox judges it.
        yield Target(ApiPath.of(["nodes", node, kind, which, *tail]), node=node, guest=resources.guest(which))
        return
    else:
        guests = [_one_guest(node, kind, which, tail, resources)]
    online = {n.name: n.status != _OFFLINE for n in resources.nodes}
    for guest in guests:
        path = ApiPath.of(["nodes", guest.node, guest.type, str(guest.vmid), *tail])
        known = guest.type if kind == GUESTS else ""
        yield Target(path, node=guest.node, guest=guest, online=online.get(guest.node, True), kind=known)


def _one_guest(node: str, kind: str, which: str, tail: list[str], resources: Resources) -> Guest:
    """The guest that an id or a name means, or ``TargetError`` with what it could have meant."""
    by_id = resources.guest(which)
    borne = (by_id,) if by_id else resources.named(which)
    fitting = [g for g in borne if kind in (GUESTS, g.type) and node in (ANY, g.node)]
    if len(fitting) == 1:
        return fitting[0]
    if len(fitting) > 1:
        raise TargetError(
            f"{len(fitting)} guests are named {which}: {listed_guests(fitting)}.",
            f"Use the id: {ApiPath.of(['nodes', ANY, kind, str(fitting[0].vmid), *tail])}",
        )
    if borne:
        paths = [ApiPath.of(["nodes", g.node, g.type, str(g.vmid), *tail]).encoded for g in borne]
        of_kind = "" if kind == GUESTS else f"{kind} "
        raise TargetError(
            f"No {of_kind}guest {which} on {'any node' if node == ANY else node}, but {listed_guests(borne)}.",
            f"The path: {' or '.join(paths[:5])}",
        )
    raise TargetError(f"There is no guest {which}.", unknown_guest(which, resources))


def unknown_guest(which: str, resources: Resources) -> str:
    """What a guest that isn't there could have been; empty where there are no guests at all."""
    guests = resources.guests
    if not guests:
        return ""
    names = near(which, [g.name for g in guests if g.name])
    ids = near(which, [str(g.vmid) for g in guests]) if which.isdecimal() else []
    found = [g for g in guests if g.name in names or str(g.vmid) in ids][:5]
    if not found:
        return f"GET /cluster/resources with type=vm lists the {len(guests)} there are."
    return f"Near it: {listed_guests(found)}."


def _storages(node: str, which: str, tail: list[str], resources: Resources) -> Iterator[Target]:
    """Each storage of each node that has it; one that nodes share only once, from a node that is up."""
    fitting = [s for s in resources.storages if which in (ANY, s.name) and node in (ANY, s.node)]
    if not fitting and which != ANY:
        known = near(which, [s.name for s in resources.storages])
        raise TargetError(f"There is no storage {which}.", f"There are: {listed(known)}." if known else "")
    for storage in _once_where_shared(fitting) if node == ANY else fitting:
        path = ApiPath.of(["nodes", storage.node, "storage", storage.name, *tail])
        yield Target(path, node=storage.node, storage=storage.name, online=storage.status != "unknown")


def _once_where_shared(storages: list[Storage]) -> list[Storage]:
    chosen: dict[tuple[str, str], Storage] = {}
    for storage in storages:
        key = (storage.name, "" if storage.shared else storage.node)
        if key not in chosen or (storage.status == "available" and chosen[key].status != "available"):
            chosen[key] = storage
    return list(chosen.values())


def _plain(parts: list[str]) -> list[str]:
    """Segments that must be concrete."""
    if ANY in parts:
        raise TargetError(
            f"A * is not possible in {'/'.join(parts)}.",
            "It stands for a node, a guest, a storage or a pool: nodes/*/qemu/*/config, nodes/*/storage/*/content.",
        )
    return parts


def _must_be_a_node(node: str, resources: Resources) -> None:
    names = [n.name for n in resources.nodes]
    if names and node not in {ANY, *names}:
        raise TargetError(f"There is no node {node}.", f"There are: {listed(near(node, names) or names)}.")
