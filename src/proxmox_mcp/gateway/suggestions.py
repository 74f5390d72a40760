"""After a refusal: what the cluster has in place of what the call named and Proxmox did not find."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import (
    DaemonDownError,
    FailedError,
    NodeUnreachableError,
    PermissionDeniedError,
    ProxmoxError,
)
from proxmox_mcp.gateway.resolve import unknown_guest
from proxmox_mcp.proxmox.inventory import Resources, listed, near
from proxmox_mcp.proxmox.visibility import hidden
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.policy.call import Call

_LOOK_WITHIN = 5.0
_NO_GUEST = re.compile(
    r"(?:qemu-server|lxc)/\d+\.conf' does not exist|unable to find configuration file", re.IGNORECASE
)
_NO_STORAGE = re.compile(r"storage '([^']+)' does not exist", re.IGNORECASE)
_NO_SNAPSHOT = re.compile(r"snapshot '([^']+)' does not exist", re.IGNORECASE)
_NO_VOLUME = re.compile(r"no such (?:logical )?volume\b(?! group)|volume '[^']*' does not exist", re.IGNORECASE)
_NO_FILE = re.compile(r"can't find file|no such file", re.IGNORECASE)
"""What is said of a volume only where the path names one: RRD files, programs and job states are missing too."""
_NO_NODE = re.compile(
    r"no such cluster node '(?P<a>[^']*)'|hostname lookup '(?P<b>[^']*)' failed"
    r"|node '(?P<c>[^']*)' does not exist(?! in)",
    re.IGNORECASE,
)
_JUDGED_AT_A_NODE = (FailedError, NodeUnreachableError, PermissionDeniedError)
"""What a name that no node has is answered with: an address or a DNS name may even lead to a node."""
_LISTS = (
    (
        re.compile(r"(?:no such user|user '[^']*' does not exist|no such user \(')", re.IGNORECASE),
        "/access/users",
        "userid",
    ),
    (re.compile(r"(?:no such group|group '[^']*' does not exist)", re.IGNORECASE), "/access/groups", "groupid"),
    (re.compile(r"(?:no such role|role '[^']*' does not exist)", re.IGNORECASE), "/access/roles", "roleid"),
    (re.compile(r"(?:pool '[^']*' does not exist|no such pool)", re.IGNORECASE), "/pools", "poolid"),
)
_QUOTED = re.compile(r"'([^']+)'")


async def what_there_is(error: ProxmoxError, call: Call, cluster: Cluster) -> str:
    """A sentence on what there is instead, read from the cluster; empty where that doesn't help or can't be read."""
    said = "\n".join([error.message, *error.errors.values()])
    try:
        return await _look(error, said, call, cluster)
    except ProxmoxError:
        return ""


async def unknown_node(call: Call, cluster: Cluster) -> str:
    """Says that the cluster has no node of that name, with those it has; empty where it has one."""
    node = call.path_params.get("node", "localhost")
    try:
        known = [each.name for each in (await cluster.inventory.resources()).nodes]
    except ProxmoxError:
        return ""
    return "" if node in ("localhost", *known) or not known else _no_node(node, known)


async def why_empty(call: Call, cluster: Cluster) -> tuple[str, ...]:
    """Why a list is empty: there is no such node, or the identity may not see what is in it; nothing where it is."""
    if there_is := await unknown_node(call, cluster):
        return (there_is,)
    unseen = await unseen_in(call.template, cluster)
    return (unseen,) if unseen else ()


async def no_guests(cluster: Cluster) -> str:
    """Why there is no guest at all: the identity may not see them, or there are none."""
    rights = await cluster.permissions.rights()
    if rights is None:
        return "No guest is visible. GET /access/permissions shows whether this identity has VM.Audit."
    unseen = await unseen_in("/nodes/{node}/qemu", cluster)
    return unseen.replace("Empty, but", "No guest is visible, but") or "The cluster has no guests."


async def unseen_in(template: str, cluster: Cluster) -> str:
    """That the identity lacks what shows the entries of an endpoint's list; empty where it lacks nothing."""
    rights = await cluster.permissions.rights()
    missing = hidden(template, rights.permissions) if rights else None
    if rights is None or rights.unlimited or missing is None:
        return ""
    return f"Empty, but {rights.identity} lacks {missing}: there may be entries that it can't see."


async def _look(error: ProxmoxError, said: str, call: Call, cluster: Cluster) -> str:
    if isinstance(error, DaemonDownError):
        return ""
    node = call.path_params.get("node", "")
    if "vmid" in call.path_params and _NO_GUEST.search(said):
        resources = await cluster.inventory.resources(fresh=True)
        return _guest(call, resources) if resources.guests else await no_guests(cluster)
    missing = _NO_NODE.search(said)
    if node not in ("", "localhost") and isinstance(error, _JUDGED_AT_A_NODE):
        fresh = missing is not None or isinstance(error, NodeUnreachableError)
        if there_is := _nodes(node, await cluster.inventory.resources(fresh=fresh), error):
            return there_is
    if missing and (named := missing["a"] or missing["b"] or missing["c"]):
        return _nodes(named, await cluster.inventory.resources(fresh=True), error)
    if found := _NO_STORAGE.search(said):
        resources = await cluster.inventory.resources()
        return _near("storages", found[1], [s.name for s in resources.storages if not node or s.node == node])
    if (found := _NO_SNAPSHOT.search(said)) and (guest := _guest_path(call)):
        return _near("snapshots", found[1], await _names(cluster, f"{guest}/snapshot", "name"))
    no_volume = _NO_VOLUME.search(said) or ("volume" in call.path_params and _NO_FILE.search(said))
    if "storage" in call.path_params and no_volume:
        path = f"/nodes/{quote(node, safe='')}/storage/{quote(call.path_params['storage'], safe='')}/content"
        return _near("volumes", call.path_params.get("volume", ""), await _names(cluster, path, "volid"))
    for pattern, path, key in _LISTS:
        if pattern.search(said):
            quoted, names = _QUOTED.search(said), await _names(cluster, path, key)
            asked = call.path_params.get(key, "")
            if asked in names:
                return _there_but(asked, path)
            return _near(key.removesuffix("id") + "s", quoted[1] if quoted else "", names)
    return ""


def _there_but(name: str, path: str) -> str:
    """Of something that Proxmox does not find by its path, although its list has it."""
    if name.isascii():
        return f"GET {path} lists {shown(name)}, so the cause is another."
    return (
        f"{shown(name)} is there (GET {path}), but Proxmox can't find it by a path: it does not decode letters "
        "beyond ASCII in paths. Use the web interface, or `pveum` on a node."
    )


def _nodes(node: str, resources: Resources, error: ProxmoxError) -> str:
    known = {each.name: each.status for each in resources.nodes}
    if not known or known.get(node) == "online":
        return ""
    if node not in known:
        return _no_node(node, list(known))
    if not isinstance(error, NodeUnreachableError) and not _NO_NODE.search(error.message):
        return ""
    online = [name for name, status in known.items() if status == "online"]
    return f"{node} is {known[node] or 'not online'}. Online: {listed(online) or 'none'}."


def _no_node(node: str, known: Sequence[str]) -> str:
    other_form = "." in node or ":" in node
    hint = " Use a node's name in the cluster, not a DNS name or an address." if other_form else ""
    return f"There is no node {shown(node)}.{hint} {_near('nodes', node, known)}"


def _guest(call: Call, resources: Resources) -> str:
    vmid = call.path_params["vmid"]
    guest = resources.guest(vmid)
    if guest is None:
        return f"There is no guest {vmid}. {unknown_guest(vmid, resources)}"
    if (guest.node, guest.type) == (call.path_params.get("node"), call.path.guest[0] if call.path.guest else ""):
        return ""
    tail = "".join(f"/{segment}" for segment in call.path.segments[4:])
    return f"Guest {guest} is there. The path: {guest.path}{tail}"


def _guest_path(call: Call) -> str:
    return ApiPath.of(call.path.segments[:4]).encoded if call.path.guest else ""


def _near(what: str, name: str, known: Sequence[str]) -> str:
    names = sorted(set(known))
    if not names:
        return f"There are no {what}, or none is visible."
    if name in names:
        return ""
    close = near(name, names) if name else names
    return f"{'Near it' if len(close) < len(names) else 'There are'}: {listed(close or names)}."


async def _names(cluster: Cluster, path: str, key: str) -> list[str]:
    records = await cluster.pve.get(path, deadline=_LOOK_WITHIN)
    return [str(record[key]) for record in records or () if isinstance(record, dict) and key in record]
