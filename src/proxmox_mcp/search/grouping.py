"""Merges similar hits: the same call for VMs and containers, the scopes of the firewall, the methods of one path."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.search.searcher import Hit

_FIREWALL = re.compile(
    r"^(?:/cluster(?:/sdn/vnets/\{vnet\})?|/nodes/\{node\}(?:/(?:qemu|lxc)/\{vmid\})?)(?=/firewall\b)"
)
_GUEST = re.compile(r"^/nodes/\{node\}/(?:qemu|lxc)(?=/|$)")
_SAME_LEAF = {"move_volume": "move_disk"}


class HitGroup(Struct, frozen=True):
    """Hits that are shown as one: the best, and its twins in the order of their scores."""

    best: Hit
    twins: tuple[Hit, ...] = ()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return (self.best.endpoint, *(hit.endpoint for hit in self.twins))


def group(hits: Iterable[Hit]) -> list[HitGroup]:
    """The hits as groups, best first; the order of the best of each is kept."""
    groups: dict[str, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(twin_key(hit.endpoint.path), []).append(hit)
    return [HitGroup(members[0], tuple(members[1:])) for members in groups.values()]


def twin_key(path: str) -> str:
    """What twins have in common: the path without the kind of guest and the scope of a firewall."""
    path, scoped = _FIREWALL.subn("{scope}", path)
    if scoped:
        return path
    head, _, leaf = _GUEST.sub("{guest}", path).rpartition("/")
    return f"{head}/{_SAME_LEAF.get(leaf, leaf)}"
