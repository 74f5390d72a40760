"""Results on their way to a model, large ones in a worker thread, and how they read by the schema: which fields hold
Proxmox's own terms, and what their numbers mean."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import anyio.to_thread
from msgspec import Struct, field
from msgspec.structs import replace

from proxmox_mcp.render import OF_RENDERER, OF_UNIT, Legend, render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxmox_mcp.apidoc import Endpoint, EndpointIndex
    from proxmox_mcp.apidoc.schema import Schema
    from proxmox_mcp.gateway.cluster_time import ClusterTime
    from proxmox_mcp.gateway.places import Places
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.render import Budget, Quantity, View

T = TypeVar("T")
_LARGE = 16 * 1024
"""From this weight on, secrets are taken out and answers rendered in a worker thread. Measured on two shared cores: a
table of this weight takes 3 to 4 ms, a text 12 ms; the way to a thread and back takes 0.3 ms."""
_NEXT = "next: cursor="
"""Before the cursor of a page, which has to name the places that it is a page of, where those are not the first."""
_CLOSED = frozenset({"pve-priv-list", "pve-storage-content-list", "pve-vmid-list", "pve-hotplug-features", "ip-list"})
"""Formats of lists of Proxmox's own names, or of numbers: however long, they hold no text of anybody else."""
_INDEX = re.compile(r"(?<![0-9])[0-9]+$")


class Result(Struct, frozen=True):
    """What a call gives at all the places it stands for.

    ``known`` are fields that records may have, ``legend`` tells how they read, ``places`` the places of a merged table,
    None for a single place.
    """

    data: Any
    told: str = ""
    notes: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    legend: Legend = field(default_factory=Legend)
    places: Places | None = None

    def text(self, view: View, budget: Budget) -> str:
        """The result for a model, within a budget. Raises ViewError where the view does not suit the data."""
        if self.told:
            return "\n".join((self.told, *self.notes))
        if self.places is not None and view.fields:
            view = replace(view, fields=(*self.places.identity(view.fields), *view.fields))
        text = render(self.data, view, budget=budget, legend=self.legend, notes=self.notes, known=self.known)
        head, next_, tail = text.rpartition(_NEXT)
        if next_ and self.places is not None and self.places.first:
            return f"{head}{next_}places-{self.places.first}/{tail}"
        return text

    async def dated(self, view: View, cluster_time: ClusterTime, node: str = "") -> Result:
        """The result with the cluster's clock, where it holds a time or its filter names a date."""
        if self.told or not (view.names_a_date or self.legend.tells_time(self.data, view.fields)):
            return self
        return replace(self, legend=self.legend.at(await cluster_time.clock(node)))


async def off_the_loop(value: Any, work: Callable[..., T], *arguments: Any) -> T:
    """What ``work(*arguments)`` gives; in a worker thread where ``value``, which it works on, is large."""
    if _is_large(value):
        return await anyio.to_thread.run_sync(work, *arguments)
    return work(*arguments)


_CONTAINERS = frozenset({dict, list, tuple})


def _is_large(value: Any) -> bool:
    """Whether a value weighs more than ``_LARGE``: a character counts 1, a member 16. Measured no further than that.

    Types are compared and not asked with ``isinstance``, which took four times as long.
    """
    left = _LARGE
    waiting: list[Any] = [[value]]
    while waiting:
        members = waiting.pop()
        for member in members.values() if type(members) is dict else members:
            kind = type(member)
            if kind is str:
                left -= len(member)
            elif kind in _CONTAINERS:
                left -= 16 * len(member)
                waiting.append(member)
            if left <= 0:
                return True
    return False


def result_of(call: Call, index: EndpointIndex | None = None) -> Result:
    """What one call gives. The ``index`` is that of the schema in force."""
    received = call.received
    notes = (*received.notes, received.unread) if received.unread else received.notes
    endpoint = call.endpoint
    return Result(received.data, received.told, notes, returned_fields(endpoint), legend_of(endpoint, index))


def returned_fields(endpoint: Endpoint | None) -> tuple[str, ...]:
    """The fields that an endpoint's records may have."""
    return tuple(_members(endpoint.returns)) if endpoint else ()


def legend_of(endpoint: Endpoint | None, index: EndpointIndex | None = None) -> Legend:
    """How an endpoint's answer reads. With the ``index``, what a PUT to the same path takes back is kept exact."""
    if endpoint is None:
        return Legend()
    setter = index.get("PUT", endpoint.path) if index and endpoint.returns.type != "array" else None
    return replace(legend_of_all([endpoint]), exact=frozenset(setter.parameters) if setter else frozenset())


def legend_of_all(endpoints: Sequence[Endpoint]) -> Legend:
    """How the merged answers of endpoints read: each field as the first endpoint that has it describes it."""
    described = [members for endpoint in endpoints if (members := _members(endpoint.returns))]

    @cache
    def schema_of(field: str) -> Schema | None:
        return next((schema for members in described if (schema := _at(members, field))), None)

    def terms(field: str) -> bool:
        schema = schema_of(field)
        if schema is None:
            return False
        named = schema.format is None or isinstance(schema.format, str)
        return bool(schema.enum) or not named or schema.format in _CLOSED

    def quantities(field: str) -> Quantity | None:
        schema = schema_of(field)
        return None if schema is None else OF_RENDERER.get(schema.renderer) or OF_UNIT.get(schema.unit)

    return Legend(terms, quantities) if described else Legend()


def _at(members: Mapping[str, Schema], field: str) -> Schema | None:
    """The schema of a field, which may be dotted; an indexed one (``net0``) is described as ``net[n]``."""
    name, _, rest = field.partition(".")
    schema = members.get(name) or members.get(_INDEX.sub("[n]", name))
    if schema is None or not rest:
        return schema
    return _at(_members(schema), rest)


def _members(schema: Schema) -> Mapping[str, Schema]:
    """The fields of an object, or of the objects of a list."""
    while schema.type == "array" and schema.items is not None:
        schema = schema.items
    members = dict(schema.properties or {})
    for part in (*schema.all_of, *schema.one_of):
        for name, each in _members(part).items():
            members.setdefault(name, each)
    return members
