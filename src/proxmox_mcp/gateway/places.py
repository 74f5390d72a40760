"""From the path that was asked for to the concrete places it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from proxmox_mcp.errors import InvalidCallError, TargetError, ViewError
from proxmox_mcp.gateway.resolve import ANY, Target, needs_lookup, resolve
from proxmox_mcp.gateway.suggestions import no_guests

if TYPE_CHECKING:
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.request import Request

AT_A_TIME = 500
"""Places that one call asks at the most; the rest by ``cursor``."""

_PLACES = re.compile(r"places-(\d{1,7})(?:/(.+))?")
_ADDRESS = re.compile(r"^https?://[^/?#\s]+(?=/api2/(?:json|extjs)/)", re.IGNORECASE)
_PREFIX = re.compile(r"^api2/(?:json|extjs)/")
_HTTP_METHODS = ("GET", "POST", "PUT", "DELETE")
PLACE_FIELDS = ("node", "vmid", "guest", "storage")


@dataclass(frozen=True, slots=True)
class Places:
    """``targets`` are those of this call; ``fanned`` is false where the path named one place."""

    targets: tuple[Target, ...]
    total: int = 1
    first: int = 0
    fanned: bool = False

    @property
    def following(self) -> int:
        """Where the next call goes on; 0 where this is the end."""
        end = self.first + AT_A_TIME
        return end if end < self.total else 0


def split_cursor(cursor: str) -> tuple[int, str]:
    """The place where a call that fans out goes on, and the cursor among its lines: ``places-500/12-3fa9``.

    Raises ViewError for a place that is none.
    """
    cursor = cursor.strip()
    if not cursor.startswith("places-"):
        return 0, cursor
    found = _PLACES.fullmatch(cursor)
    if found is None:
        raise ViewError(f"cursor: `{cursor[:40]}` is none.", "Take it from the last lines of the result before.")
    return int(found[1]), found[2] or ""


def method_of(call: Request) -> str:
    """The method, whatever its case. Raises InvalidCallError."""
    method = call.method.strip().upper()
    if method not in _HTTP_METHODS:
        raise InvalidCallError(f"method: `{call.method[:20]}` is none.", f"Allowed: {', '.join(_HTTP_METHODS)}.")
    return method


def plain_path(path: str) -> str:
    """The path without what does no harm: blanks around it, a missing slash, the address of a node and the
    ``/api2/json`` before it, as they are copied from a browser or from a script.

    The address is not looked at: where a call goes is for the settings to say, not for the caller.
    """
    path = _ADDRESS.sub("", path.strip())
    return "/" + _PREFIX.sub("", path.lstrip("/"), count=1)


def node_of(path: str) -> str:
    """The node that a concrete path names, and that judges the call; empty where any node does."""
    parts = [part for part in unquote(path.partition("?")[0]).split("/") if part]
    return parts[1] if len(parts) > 2 and parts[0] == "nodes" and parts[1] != "localhost" else ""


async def find_places(call: Request, method: str, cluster: Cluster) -> Places:
    """The places that a call goes to; looked up live only where its path leaves something open.

    Raises TargetError with the candidates, ViewError for a cursor beyond the end, or ProxmoxError where the cluster
    can't be asked.
    """
    path = plain_path(call.path)
    if not needs_lookup(path):
        return _page((Target(path),), call)
    resources = await cluster.inventory.resources()
    try:
        targets = resolve(path, method, resources)
    except TargetError as error:
        if resources.guests or error.advice:
            raise
        raise error.with_advice(await no_guests(cluster)) from None
    fanned = method == "GET" and _stands_for_many(path)
    kept = tuple(target for target in targets if _fits(target, call)) if fanned else targets
    return _page(kept, call, fanned=fanned)


def _page(targets: tuple[Target, ...], call: Request, *, fanned: bool = False) -> Places:
    if call.places and call.places >= len(targets):
        raise ViewError(
            f"cursor: places-{call.places} is beyond the {len(targets)} that the path stands for now.",
            "Start again without cursor.",
        )
    return Places(targets[call.places : call.places + AT_A_TIME], len(targets), call.places, fanned)


def place_of(target: Target) -> dict[str, object]:
    """The columns that say where a record of a merged table is from."""
    columns: dict[str, object] = {}
    if target.node:
        columns["node"] = target.node
    if target.guest is not None:
        columns |= {"vmid": target.guest.vmid, "guest": target.guest.name}
    if target.storage:
        columns["storage"] = target.storage
    return columns


def _stands_for_many(path: str) -> bool:
    """Whether a ``*`` stands for several places; one for the node of a single guest does not."""
    parts = [part for part in unquote(path.partition("?")[0]).split("/") if part]
    return ANY in parts[2:] or (ANY in parts and not (parts[2:3] in (["qemu"], ["lxc"]) and len(parts) > 3))


def _fits(target: Target, call: Request) -> bool:
    """Whether the conditions on the place itself hold, so that what they leave out is not even asked."""
    conditions = [each for each in call.view.conditions if each.field in PLACE_FIELDS]
    if not conditions:
        return True
    from proxmox_mcp.render.filters import select

    return bool(select([place_of(target)], conditions, known=PLACE_FIELDS))
