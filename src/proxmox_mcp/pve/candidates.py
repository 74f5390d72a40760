"""What was meant by a name that Proxmox doesn't know: the near ones, read live."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.pve.inventory import Resources, listed, near
from proxmox_mcp.pve.targets import unknown_guest

if TYPE_CHECKING:
    from proxmox_mcp.pve.advice import Call
    from proxmox_mcp.pve.inventory import Api, Inventory

_NODE = re.compile(
    r"hostname lookup '(?P<name>[^']+)' failed|no such cluster node '(?P<name2>[^']+)'"
    r"|(?:node|[Tt]arget) '(?P<name3>[^']+)' does not exist"
)
_GUEST = re.compile(
    r"Configuration file 'nodes/[^/]+/[\w-]+/(?P<name>\d+)\.conf' does not exist"
    r"|unable to find configuration file for \w+ (?P<name2>\d+)"
    r"|(?:VM|CT|Guest)(?:/CT)? '?(?P<name3>\d+)'? does not exist"
)
_STORAGE = re.compile(r"storage '(?P<name>[^']+)' does not exist|No such storage")


@dataclass(frozen=True, slots=True)
class _Listing:
    """Where the names of a kind are listed, and the field that holds them."""

    kind: str
    unknown: re.Pattern[str]
    path: str
    field: str


_LISTINGS = tuple(
    _Listing(kind, re.compile(pattern), path, field)
    for kind, pattern, path, field in (
        ("snapshots", r"snapshot '(?P<name>[^']+)' does not exist", "{guest}/snapshot", "name"),
        (
            "volumes",
            r"volume '(?P<name>(?P<storage>[^:']+):[^']*)' does not exist",
            "/nodes/{node}/storage/{storage}/content",
            "volid",
        ),
        ("pools", r"pool '(?P<name>[^']+)' does not exist", "/pools", "poolid"),
        (
            "users",
            r"no such user \('(?P<name>[^']+)'\)|user '(?P<name2>[^']+)' does not exist",
            "/access/users",
            "userid",
        ),
        ("groups", r"group '(?P<name>[^']+)' does not exist", "/access/groups", "groupid"),
        ("roles", r"role '(?P<name>[^']+)' does not exist", "/access/roles", "roleid"),
        ("realms", r"(?:domain|realm) '(?P<name>[^']+)' does not exist", "/access/domains", "realm"),
        ("bridges and interfaces", r"bridge '(?P<name>[^']+)' does not exist", "/nodes/{node}/network", "iface"),
        ("backup jobs", r"No such job '(?P<name>[^']+)'", "/cluster/backup", "id"),
    )
)


async def candidates(error: ProxmoxError, call: Call, inventory: Inventory, api: Api) -> str:
    """One sentence with what there is, for an error that says a name is unknown; empty where nothing can be added.

    The reads that this takes are made with the identity that failed: what it may not see is not named, and a failure
    of theirs adds nothing to the first one.
    """
    words = "\n".join([error.message, *error.errors.values()])
    try:
        for pattern, answer in ((_NODE, _nodes), (_GUEST, _guests), (_STORAGE, _storages)):
            if found := pattern.search(words):
                return answer(_name(found), call, await inventory.resources())
        for listing in _LISTINGS:
            if found := listing.unknown.search(words):
                return await _from(listing, found, call, api)
    except ProxmoxError:
        return ""
    return ""


def _nodes(name: str, _: Call, resources: Resources) -> str:
    names = [n.name for n in resources.nodes]
    return _sentence("nodes", name, names)


def _guests(name: str, call: Call, resources: Resources) -> str:
    guest = resources.guest(name)
    if guest is None:
        return unknown_guest(name, resources)
    here = re.match(r"/nodes/[^/]+/(?:qemu|lxc)/[^/]+", call.path)
    path = guest.path + (call.path[here.end() :] if here else "")
    return f"It is {guest}. The path: {path}"


def _storages(name: str, call: Call, resources: Resources) -> str:
    places = call.places
    name = name or places["storage"]
    here = [s.name for s in resources.storages if s.node == places["node"]]
    elsewhere = [s.node for s in resources.storages if s.name == name]
    if elsewhere and name not in here:
        return f"Storage {name} is on {listed(elsewhere)}, not on {places['node']}."
    return _sentence("storages", name, here or [s.name for s in resources.storages])


async def _from(listing: _Listing, found: re.Match[str], call: Call, api: Api) -> str:
    groups = {key: quote(value, safe="") for key, value in found.groupdict().items() if value}
    path = listing.path.format_map(call.places | groups)
    if "{" in path:
        return ""
    data: Any = await api.request("GET", path)
    rows = [r for r in data if isinstance(r, dict)] if isinstance(data, list) else []
    return _sentence(listing.kind, _name(found), [str(r[listing.field]) for r in rows if r.get(listing.field)])


def _name(found: re.Match[str]) -> str:
    return next((v for k, v in found.groupdict().items() if k.startswith("name") and v), "")


def _sentence(kind: str, name: str, names: list[str]) -> str:
    names = [n for n in dict.fromkeys(names) if n != "current"]
    if not names:
        return f"There are no {kind} that this identity sees."
    close = near(name, names)
    return f"Near it: {listed(close)}." if close and len(names) > len(close) else f"There are: {listed(names)}."
