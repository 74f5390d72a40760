"""From the path that was asked for to the concrete places it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxmox_mcp.errors import InvalidCallError, TargetError, ViewError
from proxmox_mcp.gateway.resolve import Target, resolve
from proxmox_mcp.gateway.suggestions import no_guests
from proxmox_mcp.render.filters import Filter
from proxmox_mcp.render.selection import select

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.path import ApiPath
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.request import Request

AT_A_TIME = 500
"""Places that one request asks at the most; the rest by ``cursor``."""

_PLACES = re.compile(r"places-(\d{1,7})(?:/(.+))?")
_HTTP_METHODS = ("GET", "POST", "PUT", "DELETE")
PLACE_FIELDS = ("node", "vmid", "guest", "storage")


@dataclass(frozen=True, slots=True)
class Places:
    """``targets`` are those of this request; ``fanned`` is false where the path named one place."""

    targets: tuple[Target, ...]
    total: int = 1
    first: int = 0
    fanned: bool = False

    @property
    def a_node(self) -> str:
        """A node that is up and among the places; empty if there is none."""
        return next((target.node for target in self.targets if target.online and target.node), "")

    @property
    def following(self) -> int:
        """Where the next request goes on; 0 where this is the end."""
        end = self.first + AT_A_TIME
        return end if end < self.total else 0


def split_cursor(cursor: str) -> tuple[int, str]:
    """The place where a request that fans out goes on, and the cursor among its lines: ``places-500/12-3fa9``.

    Raises ViewError for a place that is none.
    """
    cursor = cursor.strip()
    if not cursor.startswith("places-"):
        return 0, cursor
    found = _PLACES.fullmatch(cursor)
    if found is None:
        raise ViewError(f"cursor: `{cursor[:40]}` is none.", "Take it from the last lines of the result before.")
    return int(found[1]), found[2] or ""


def method_of(request: Request) -> str:
    """The method, whatever its case. Raises InvalidCallError."""
    method = request.method.strip().upper()
    if method not in _HTTP_METHODS:
        raise InvalidCallError(f"method: `{request.method[:20]}` is none.", f"Allowed: {', '.join(_HTTP_METHODS)}.")
    return method


async def find_places(path: ApiPath, request: Request, method: str, cluster: Cluster) -> Places:
    """The places that a request goes to; looked up live only where its path leaves something open.

    Raises TargetError with the candidates, ViewError for a cursor beyond the end, or ProxmoxError where the cluster
    can't be asked.
    """
    if not path.needs_lookup:
        return _page((Target(path),), request)
    resources = await cluster.inventory.resources()
    try:
        targets = resolve(path, method, resources)
    except TargetError as error:
        if resources.guests or error.advice:
            raise
        raise error.with_advice(await no_guests(cluster)) from None
    fanned = method == "GET" and path.stands_for_many
    kept = tuple(target for target in targets if _fits(target, request)) if fanned else targets
    return _page(kept, request, fanned=fanned)


def _page(targets: tuple[Target, ...], request: Request, *, fanned: bool = False) -> Places:
    if request.places and request.places >= len(targets):
        raise ViewError(
            f"cursor: places-{request.places} is beyond the {len(targets)} that the path stands for now.",
            "Start again without cursor.",
        )
    return Places(targets[request.places : request.places + AT_A_TIME], len(targets), request.places, fanned)


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


def _fits(target: Target, request: Request) -> bool:
    """Whether the conditions on the place itself hold, so that what they leave out is not even asked."""
    told = Filter(
        tuple(
            tuple(each for each in every if each.field in PLACE_FIELDS)
            for every in request.view.conditions.alternatives
        )
    )
    if not all(told.alternatives):
        return True
    return bool(select([place_of(target)], told, known=PLACE_FIELDS))
