"""From the path that was asked for to the concrete places it stands for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.errors import TargetError, ViewError
from proxmox_mcp.gateway.answers import returned_fields
from proxmox_mcp.gateway.resolve import Target, resolve
from proxmox_mcp.gateway.suggestions import no_guests
from proxmox_mcp.render.filters import Filter
from proxmox_mcp.render.selection import select

if TYPE_CHECKING:
    from collections.abc import Collection

    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.apidoc.path import ApiPath
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.request import Request
    from proxmox_mcp.proxmox.inventory import Guest

AT_A_TIME = 500
"""Places that one request asks at the most; the rest by ``cursor``."""

_PLACES = re.compile(r"places-(\d{1,7})(?:/(.+))?")
PLACE_FIELDS = ("node", "kind", "vmid", "guest", "storage")
INVENTORY_FIELDS = ("name", "type", "status", "tags", "pool", "template", "lock")
"""What the cluster's resources tell of a guest, so that no guest has to be asked for it."""
_SAME_IN = {
    "config": frozenset({"name", "tags", "template", "lock"}),
    "status/current": frozenset({"name", "type", "status", "tags", "template", "lock"}),
}
"""By the end of a path: the fields of its answer that mean the same as those of the resources."""


class Places(Struct, frozen=True):
    """``targets`` are those of this request; ``fanned`` is false where the path named one place."""

    targets: tuple[Target, ...]
    total: int = 1
    first: int = 0
    fanned: bool = False
    notes: tuple[str, ...] = ()

    @property
    def a_node(self) -> str:
        """A node that is up and among the places; empty if no such node is known."""
        return next((target.node for target in self.targets if target.online and target.node), "")

    def identity(self, named: Collection[str]) -> tuple[str, ...]:
        """The columns that tell the places apart, where none of them is ``named``: no row is of use without them."""
        if not self.fanned or len(self.targets) < 2:
            return ()
        first = self.targets[0]
        if first.guest is not None:
            wanted = () if {"vmid", "guest"} & {*named} else ("vmid", "guest")
            return tuple(each for each in wanted if each != "guest" or "name" not in named)
        return tuple(each for each in ("node", "storage") if getattr(first, each) and each not in named)

    @property
    def following(self) -> int:
        """Where the next request goes on; 0 where this is the end."""
        end = self.first + AT_A_TIME
        return end if end < self.total else 0


def split_cursor(cursor: str) -> tuple[int, str]:
    """The place where a request that fans out goes on, and the cursor among its lines: ``places-500/12-3fa9``.

    Raises ViewError for a cursor that names no place.
    """
    cursor = cursor.strip()
    if not cursor.startswith("places-"):
        return 0, cursor
    found = _PLACES.fullmatch(cursor)
    if found is None:
        raise ViewError(
            f"cursor: `{cursor[:40]}` is not a cursor.", "Take it from the last lines of the result before."
        )
    return int(found[1]), found[2] or ""


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
    if not fanned:
        return _page(targets, request)
    index = (await cluster.schema.current()).index
    able, notes = _of_kinds_that_have_it(targets, path, index)
    told = _told_before(able, index, path)
    kept = tuple(target for target in able if _fits(target, request, told))
    return _page(kept, request, fanned=True, notes=notes)


def _of_kinds_that_have_it(
    targets: tuple[Target, ...], path: ApiPath, index: EndpointIndex
) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """The targets whose kind of guest has the endpoint; all where none has it, so that the check tells why."""
    if not path.of_any_kind:
        return targets, ()
    samples = _one_of_each_kind(targets)
    able = {target.kind for target in samples if index.resolve("GET", target.path)}
    if not able or len(able) == len(samples):
        return targets, ()
    kept = tuple(target for target in targets if target.kind in able)
    (missing,) = {target.kind for target in samples} - able
    what = {"qemu": "VMs", "lxc": "Containers"}[missing]
    return kept, (f"{what} have no {'/'.join(path.segments[4:])}: {len(targets) - len(kept)} were not asked.",)


def _told_before(targets: tuple[Target, ...], index: EndpointIndex, path: ApiPath) -> frozenset[str]:
    """The fields that a filter can compare before a guest is asked: the answer has no other meaning for them."""
    if all(target.guest is None for target in targets):
        return frozenset(PLACE_FIELDS)
    same = _SAME_IN.get("/".join(path.segments[4:]), frozenset())
    own = {
        field for target in _one_of_each_kind(targets) for field in returned_fields(index.resolve("GET", target.path))
    }
    return frozenset({*PLACE_FIELDS, *(field for field in INVENTORY_FIELDS if field not in own or field in same)})


def _one_of_each_kind(targets: tuple[Target, ...]) -> list[Target]:
    return list({target.path.segments[2]: target for target in targets}.values())


def _page(
    targets: tuple[Target, ...], request: Request, *, fanned: bool = False, notes: tuple[str, ...] = ()
) -> Places:
    if request.places and request.places >= len(targets):
        raise ViewError(
            f"cursor: places-{request.places} is beyond the {len(targets)} that the path stands for now.",
            "Start again without cursor.",
        )
    return Places(targets[request.places : request.places + AT_A_TIME], len(targets), request.places, fanned, notes)


def place_of(target: Target) -> dict[str, object]:
    """The columns that say where a record of a merged table is from."""
    columns: dict[str, object] = {}
    if target.node:
        columns["node"] = target.node
    if target.kind:
        columns["kind"] = target.kind
    if target.guest is not None:
        columns |= {"vmid": target.guest.vmid, "guest": target.guest.name}
    if target.storage:
        columns["storage"] = target.storage
    return columns


def told_of(guest: Guest | None, fields: Collection[str]) -> dict[str, object]:
    """What the resources tell of a guest, of the named fields only."""
    if guest is None:
        return {}
    known = {
        "name": guest.name,
        "type": guest.type,
        "status": guest.status,
        "tags": ";".join(guest.tags),
        "pool": guest.pool,
        "template": int(guest.template),
        "lock": guest.lock,
    }
    return {name: known[name] for name in INVENTORY_FIELDS if name in fields}


def _fits(target: Target, request: Request, told: frozenset[str]) -> bool:
    """Whether the conditions on the place and the guest hold, so that what they leave out is not even asked."""
    wanted = Filter(
        tuple(
            tuple(condition for condition in every if condition.field in told)
            for every in request.view.conditions.alternatives
        )
    )
    if not all(wanted.alternatives):
        return True
    record = {**told_of(target.guest, told), **place_of(target)}
    return bool(select([record], wanted, known=told))
