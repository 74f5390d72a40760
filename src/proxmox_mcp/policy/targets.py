"""What a call hits: nodes, guests, storages, pools.

Names come from where Proxmox puts them: path and body parameters, volume ids (``PVE::Storage``), UPIDs
(``PVE::Tools::upid_decode``), HA resource ids, paths of the ACL (``PVE::AccessControl``). Where a call may hit more
than it names, it says so.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.policy.values import list_members, members, property_values, texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from proxmox_mcp.policy.call import Call


class Targets(Struct, frozen=True, kw_only=True):
    """What a call names. ``open_ended`` holds the kinds (``guest``, ``node``, ``storage``, ``pool``) of which it may
    hit more than those."""

    nodes: frozenset[str] = frozenset()
    guests: frozenset[int] = frozenset()
    storages: frozenset[str] = frozenset()
    pools: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    open_ended: frozenset[str] = frozenset()

    def as_data(self) -> dict[str, list[str] | list[int]]:
        """For programs: what there is of each kind."""
        kinds: dict[str, list[str] | list[int]] = {
            "guests": sorted(self.guests),
            "nodes": sorted(self.nodes),
            "storages": sorted(self.storages),
            "pools": sorted(self.pools),
            "tags": sorted(self.tags),
            "open_ended": sorted(self.open_ended),
        }
        return {kind: found for kind, found in kinds.items() if found}

    def told(self) -> str:
        """In one line: ``guests 100; nodes pve1; maybe any guest``."""
        return "; ".join(
            f"{'maybe any' if kind == 'open_ended' else kind} {', '.join(map(str, found))}"
            for kind, found in self.as_data().items()
        )


NO_TARGETS = Targets()


def targets_of(call: Call, open_ended: Collection[str] = ()) -> Targets:
    """Everything that a call names, from its path and its parameters.

    ``open_ended``: of which kinds it may hit more than it names, by the review of its endpoint.
    """
    if call.data or not call.template or len(call.path.encoded) > _LONGEST_PATH_KEPT:
        return _targets(call.template, call.path_params, call.data, call.path.segments, open_ended)
    return _targets_of_path(call.template, tuple(call.path_params.items()), frozenset(open_ended))


@lru_cache(maxsize=4096)
def _targets_of_path(template: str, params: tuple[tuple[str, str], ...], open_ended: frozenset[str]) -> Targets:
    """What a call names that has no parameters but those of its path."""
    return _targets(template, dict(params), {}, (), open_ended)


def _targets(
    template: str,
    path_params: Mapping[str, str],
    data: Mapping[str, Any],
    segments: Sequence[str],
    open_ended: Collection[str],
) -> Targets:
    found: dict[str, set[str]] = {"node": set(), "guest": set(), "storage": set(), "pool": set(), "tag": set()}
    may_hit = set(open_ended)
    for source in (path_params, data):
        for name, value in source.items():
            for text in (value,) if isinstance(value, str) else texts(value):
                for kind, target in _named(name, text) if len(text) > _LONGEST_KEPT else _kept(name, text):
                    found[kind].add(target)
    if template == "/access/acl":
        for text in texts(data.get("path")):
            named, below = _on_acl_path(text)
            may_hit |= below
            for kind, target in named:
                found[kind].add(target)
    if template.startswith("/nodes/{node}/disks/"):
        found["storage"].update(filter(None, [path_params.get("name"), *texts(data.get("name"))]))
    if not template:
        for segment in segments:
            found["node"].add(segment)
            if segment.isdecimal():
                found["guest"].add(segment)
        may_hit |= _ALL
    if "localhost" in found["node"] or ("guest" in may_hit and not found["node"]):
        may_hit.add("node")
    guests = {number for number in map(_guest_number, found["guest"]) if number is not None}
    if len(guests) < len(found["guest"]):
        may_hit.add("guest")
    return Targets(
        nodes=frozenset(found["node"]),
        guests=frozenset(guests),
        storages=frozenset(found["storage"]),
        pools=frozenset(found["pool"]),
        tags=frozenset(found["tag"]),
        open_ended=frozenset(may_hit),
    )


_NODES = frozenset(
    {"node", "node_id", "target", "target_node", "nodes", "exitnodes", "exitnodes-primary", "check-node"}
    | {"migratedfrom", "node-list"}
)
_GUESTS = frozenset({"vmid", "vms", "newid", "target-vmid", "guest"})
_HA_RESOURCES = frozenset({"sid", "resources"})
_STORAGES = frozenset(
    {"storage", "storages", "target-storage", "targetstorage", "statestorage", "vmstatestorage"}
    | {"import-working-storage", "fleecing"}
)
_POOLS = frozenset({"pool", "poolid"})
_VOLUMES = re.compile(
    r"(?:(?:ide|sata|scsi|virtio|efidisk|tpmstate|unused|mp)\d+|cdrom|rootfs|volume|archive|ostemplate"
    r"|base|cicustom|hookscript|vmstate)"
)
_OWNER = re.compile(
    r"(?:^|[/:])(?:vm|base|subvol|basevol)-(\d+)-|vzdump-(?:qemu|lxc|openvz)-(\d+)-|backup/(?:vm|ct)/(\d+)|(?:^|:)(\d+)/"
)
_BASE_OF_CLONE = re.compile(r"(?:^|(?<=:))(?:\d+/)?base(?:vol)?-\d+-[^/]*/")
"""A linked clone's volume names that of its template first; who owns the template is not hit."""


def _named(name: str, text: str) -> Iterator[tuple[str, str]]:
    if name in _NODES:
        for member in members(text):
            yield "node", member.partition(":")[0]
    elif name in _GUESTS:
        for member in members(text):
            yield "guest", member
    elif name in _HA_RESOURCES:
        for member in members(text):
            yield "guest", member.rpartition(":")[2]
    elif name in _STORAGES:
        for member in members(text):
            key, equals, text_after = member.partition("=")
            if key == "storage" or not equals:
                yield from (("storage", part) for part in (text_after or key).split(":"))
    elif name in _POOLS:
        yield "pool", text.strip()
    elif name == "tags":
        for member in members(text):
            yield "tag", member
    elif name == "map":
        yield from (("node", node) for node in property_values(name, text).get("node", ()))
    elif name == "upid":
        yield from _in_upid(text)
    elif name == "id" and re.fullmatch(r"\d+-\d+\s*", text):
        yield "guest", text.partition("-")[0]
    elif _VOLUMES.fullmatch(name):
        yield from _in_volume(text)


_LONGEST_KEPT = 64
"""Characters of a value whose targets are kept: the same nodes and guests are named all day."""
_LONGEST_PATH_KEPT = 256
"""The same of a path: its parameters, and those alone, are kept."""


@lru_cache(maxsize=4096)
def _kept(name: str, text: str) -> tuple[tuple[str, str], ...]:
    return tuple(_named(name, text))


_ALL = frozenset({"guest", "node", "storage", "pool"})


def _on_acl_path(text: str) -> tuple[list[tuple[str, str]], frozenset[str]]:
    """What rights on a path of the ACL are about: what it names, and the kinds of which there is more below it.

    Slashes that are repeated or at an end don't count (``PVE::AccessControl::normalize_path``). Rights on a pool are
    rights on what is in it and in its own pools; what a mapping or a network is used by isn't in its path.
    """
    area, *names = [part for part in text.strip().split("/") if part] or [""]
    match area:
        case "access":
            return [], frozenset()
        case "pool" if names:
            return [("pool", "/".join(names))], frozenset({"guest", "storage", "pool"})
        case "mapping" | "sdn":
            return [], frozenset({"guest"})
        case "vms" | "nodes" | "storage":
            kind = {"vms": "guest", "nodes": "node", "storage": "storage"}[area]
            return [(kind, name) for name in names[:1]], frozenset() if names else frozenset({kind})
        case _:
            return [], _ALL


def _in_upid(text: str) -> Iterator[tuple[str, str]]:
    fields = text.split(":")
    if len(fields) > 6:
        yield "node", fields[1]
        if fields[6].isdecimal():
            yield "guest", fields[6]


def _in_volume(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(","):
        volume = part.rpartition("=")[2].strip()
        storage, colon, _ = volume.partition(":")
        if colon and not storage.startswith("/"):
            yield "storage", storage
        for owner in _OWNER.finditer(_BASE_OF_CLONE.sub("", volume)):
            yield "guest", next(number for number in owner.groups() if number)


_LONGEST_NUMBER = 20
"""Digits: Python refuses to read more than 4,300 of them, and no guest has more than nine."""


def _guest_number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _LONGEST_NUMBER else None


def changes_tags(call: Call) -> bool:
    """True where the call sets or removes the tags of a guest that exists."""
    if call.method == "GET" or not call.template.endswith("/config"):
        return False
    return "tags" in call.data or "tags" in list_members(call.data.get("delete"))


def changes_pool_members(call: Call) -> bool:
    """True where the call moves guests or storages into or out of a pool."""
    return call.template.startswith("/pools") and call.method not in ("GET", "POST")
