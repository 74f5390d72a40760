"""Renders ``list_nodes`` and ``get_cluster_resources``: ``GET /cluster/resources`` with readable units.

The records are those of ``PVE::API2::Cluster`` (resources): sizes in bytes, ``cpu`` as a fraction of ``maxcpu``,
``uptime`` in seconds. Proxmox lists a shared storage once for each node; here it is one line.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, get_args

from msgspec import Struct

from proxmox_mcp.errors import ViewError
from proxmox_mcp.render.budget import Budget
from proxmox_mcp.render.cells import EMPTY, cut, text_cell
from proxmox_mcp.render.clock import Clock
from proxmox_mcp.render.fields import is_empty, lookup, require_field
from proxmox_mcp.render.grouping import grouped_best
from proxmox_mcp.render.legend import Legend
from proxmox_mcp.render.paging import Redact, TableSection, as_it_is, page_of_sections
from proxmox_mcp.render.selection import select
from proxmox_mcp.render.table import Column, Table, cell
from proxmox_mcp.render.units import gib, short_duration
from proxmox_mcp.render.view import WHOLE, View
from proxmox_mcp.untrusted import NOTICE, with_notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Record = Mapping[str, Any]

ResourceType = Literal["all", "vm", "qemu", "lxc", "storage", "node", "pool"]
"""``vm`` means all guests; ``all`` means guests, storages, nodes and pools."""

_DEFAULT_BUDGET = Budget()

_COLUMNS: dict[str, tuple[str, ...]] = {
    "node": ("node", "status", "cpu", "maxcpu", "mem", "disk", "uptime"),
    "guest": ("vmid", "name", "type", "node", "status", "cpu", "mem", "disk", "uptime", "tags"),
    "storage": ("storage", "node", "status", "disk", "shared", "plugintype", "content"),
    "pool": ("pool",),
}
_SPARSE: dict[str, tuple[str, ...]] = {
    "node": (),
    "guest": ("pool", "template", "lock", "hastate"),
    "storage": (),
    "pool": (),
}
_WITH_MAXIMUM = frozenset({"cpu", "mem", "disk"})
"""Fields that ``raw`` shows beside their maximum, in a column of its own, instead of as ``used/maximum``."""
_KIND_OF = {"node": "node", "qemu": "guest", "lxc": "guest", "storage": "storage", "pool": "pool"}
_TERMS = frozenset({"content", "plugintype", "status", "type"})
"""Fields whose values are Proxmox's own terms."""
_GUESTS = ("qemu", "lxc")
_TYPES_OF = {"all": tuple(_KIND_OF), "vm": _GUESTS}
_NAMES = {"node": "nodes", "guest": "guests", "storage": "storages", "pool": "pools"}
_ORDER = {"node": ("node",), "guest": ("vmid",), "storage": ("storage", "node"), "pool": ("pool",)}
_GROUPED_BY = ("node", "type", "status")

KNOWN_FIELDS = (
    *dict.fromkeys(name for names in (*_COLUMNS.values(), *_SPARSE.values()) for name in names),
    *("id", "maxmem", "maxdisk", "netin", "netout", "diskread", "diskwrite"),
)
"""Fields that a filter or ``fields`` may name even if no resource has them at the moment."""


def nodes_with_guests(resources: Sequence[Record]) -> list[Record]:
    """The nodes in a response of ``/cluster/resources``, each with its ``guests`` (running/all)."""
    nodes: list[Record] = []
    guests: dict[tuple[str, bool], int] = {}
    for resource in resources:
        type_ = resource.get("type")
        if type_ in _GUESTS:
            where = resource.get("node", ""), resource.get("status") == "running"
            guests[where] = guests.get(where, 0) + 1
        elif type_ == "node":
            nodes.append(resource)

    def told(node: str) -> str:
        running = guests.get((node, True), 0)
        return f"{running}/{running + guests.get((node, False), 0)}"

    return [{**node, "guests": told(node.get("node", ""))} for node in nodes]


def nodes_table(nodes: Sequence[Record], *, view: View = WHOLE, budget: Budget = _DEFAULT_BUDGET) -> str:
    """The nodes that ``nodes_with_guests`` gave."""
    if not nodes:
        return "(no nodes: the token may lack Sys.Audit on /nodes)"
    columns = ("node", "status", "cpu", "maxcpu", "mem", "disk", "uptime", "guests")
    return _page({"node": nodes}, {"node": _raw(columns) if view.raw else columns}, view, budget, "nodes")


def resources_table(
    resources: Sequence[Record],
    type: str = "all",  # noqa: A002 - the argument's name in the tool
    view: View = WHOLE,
    *,
    budget: Budget = _DEFAULT_BUDGET,
    clock: Clock | None = None,
    redact: Redact = as_it_is,
) -> str:
    """Resources of one type, or all types in sections, as a table within the budget.

    ``redact`` takes secrets out of the records that are shown, and out of no others. A filter sees all records as they
    are given: where they may hold secrets, it would tell them.
    Raises ViewError for an unknown type, field or filter, or a cursor beyond the end.
    """
    types = _types(type)
    chosen = [resource for resource in resources if resource.get("type") in types]
    if "storage" in types:
        chosen = _storages_once(chosen)
    for field in view.fields:
        require_field(field, chosen, KNOWN_FIELDS, argument="fields")
    kept = (
        select(chosen, view.conditions, known=KNOWN_FIELDS, legend=Legend(clock=clock or Clock()))
        if view.conditions
        else chosen
    )
    what = _NAMES[_KIND_OF[types[0]]] if len({_KIND_OF[t] for t in types}) == 1 else "resources"
    if not kept:
        return f"(none of {len(chosen)} {what} matches the filter)" if chosen else f"(no {what})"
    kinds: dict[str, list[Record]] = {kind: [] for kind in _COLUMNS}
    for resource in kept:
        kinds[_KIND_OF[resource["type"]]].append(resource)
    for kind, members in kinds.items():
        for name in reversed(_ORDER[kind]):
            _sort(members, name)
    columns = {kind: view.fields or (_raw(usual) if view.raw else usual) for kind, usual in _COLUMNS.items()}
    suffix = f"; {len(kept)} of {len(chosen)} match" if view.conditions else ""
    return _page(kinds, columns, view, budget, what, suffix, redact)


def _raw(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns for numbers as they were sent."""
    pairs = ((name, f"max{name}") if name in _WITH_MAXIMUM else (name,) for name in columns)
    return tuple(dict.fromkeys(chain.from_iterable(pairs)))


def _types(type_name: str) -> tuple[str, ...]:
    if type_name not in get_args(ResourceType):
        raise ViewError(f"type: unknown type `{type_name[:40]}`.", f"Allowed: {', '.join(get_args(ResourceType))}.")
    return _TYPES_OF.get(type_name, (type_name,))


def _sort(resources: list[Record], name: str) -> None:
    """Numbers come first. Where there is nothing else, as guests have ids, no key is made for each of thousands."""
    if {type(resource.get(name)) for resource in resources} == {int}:
        resources.sort(key=itemgetter(name))
    else:
        resources.sort(key=lambda resource: _sort_key(resource.get(name)))


def _sort_key(value: Any) -> tuple[int, float, str]:
    return (0, value, "") if isinstance(value, (int, float)) else (1, 0, str(value))


def _storages_once(resources: Sequence[Record]) -> list[Record]:
    """One record for each shared storage: ``node`` lists its nodes, the numbers are those of the first available."""
    kept: list[Record] = []
    shared: dict[str, int] = {}
    nodes: dict[str, list[str]] = {}
    for resource in resources:
        name = resource.get("storage", "")
        if resource.get("type") != "storage" or not resource.get("shared"):
            kept.append(resource)
            continue
        nodes.setdefault(name, []).append(str(resource.get("node", "")))
        if name not in shared:
            shared[name] = len(kept)
            kept.append(resource)
        elif resource.get("status") == "available" != kept[shared[name]].get("status"):
            kept[shared[name]] = resource
    for name, index in shared.items():
        kept[index] = {**kept[index], "node": ",".join(sorted(nodes[name]))}
    return kept


def _page(
    kinds: Mapping[str, Sequence[Record]],
    columns: Mapping[str, tuple[str, ...]],
    view: View,
    budget: Budget,
    what: str,
    suffix: str = "",
    redact: Redact = as_it_is,
) -> str:
    layouts = [
        _layout(kind, records, columns[kind], () if view.fields else _SPARSE[kind])
        for kind, records in kinds.items()
        if records
    ]

    def sections(longest: int) -> list[TableSection]:
        return [section for layout in layouts for section in _sections(layout, longest, raw=view.raw, redact=redact)]

    return with_notice(page_of_sections(sections, view, budget.less(NOTICE), what=what, suffix=suffix))


class _Layout(Struct, frozen=True):
    """How the records of one kind are laid out: columns, sparse columns, and the groups under their headings."""

    columns: Sequence[str]
    few: Sequence[str]
    groups: Mapping[tuple[str, ...], Sequence[Record]]


def _layout(kind: str, records: Sequence[Record], asked: Sequence[str], few: Sequence[str]) -> _Layout:
    """Guests are grouped if that saves tokens."""
    candidates = [name for name in _GROUPED_BY if name in asked] if kind == "guest" and few else []
    grouped, groups = grouped_best(records, candidates)
    columns = [n for n in asked if n not in grouped and any(not is_empty(r.get(n)) for r in records)] or list(asked)
    return _Layout(columns, [name for name in few if any(r.get(name) for r in records)], groups)


def _sections(layout: _Layout, longest: int, *, raw: bool, redact: Redact) -> list[TableSection]:
    table = Table(
        tuple(_column(name, longest, raw=raw) for name in layout.columns),
        tuple(_column(name, longest, raw=raw) for name in layout.few),
    )
    return [
        TableSection(table, members, _heading(map(redact, values), longest), redact)
        for values, members in layout.groups.items()
    ]


def _heading(values: Iterable[str], longest: int) -> str:
    text = " ".join(text_cell(cut(value, longest)) for value in values)
    return f"{text}:" if text else ""


@lru_cache(maxsize=256)
def _column(name: str, longest: int, *, raw: bool) -> Column:
    if name in _READABLE and not raw:
        return Column(*_READABLE[name])
    return Column(
        text_cell(cut(name, longest)), lambda record: cell(lookup(record, name), longest, term=name in _TERMS)
    )


def _number(record: Record, name: str) -> float | None:
    value = record.get(name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _cpu(record: Record) -> str:
    cpu = _number(record, "cpu")
    if cpu is None or (not cpu and record.get("status") == "stopped"):
        return EMPTY
    return f"{100 * cpu:.0f}"


def _used_of(name: str) -> Callable[[Record], str]:
    """``used/maximum``, or ``/maximum`` if the use is unknown (0 for a stopped guest's memory and for a VM's disk)."""

    def text(record: Record) -> str:
        used, maximum = _number(record, name), _number(record, f"max{name}")
        if not maximum:
            return gib(used) if used else EMPTY
        if used is None or (used == 0 and record.get("type") != "storage"):
            return f"/{gib(maximum)}"
        return f"{gib(used)}/{gib(maximum)}"

    return text


def _size(name: str) -> Callable[[Record], str]:
    return lambda record: EMPTY if (size := _number(record, name)) is None else gib(size)


def _uptime(record: Record) -> str:
    uptime = _number(record, "uptime")
    return short_duration(uptime) if uptime else EMPTY


def _flag(name: str) -> Callable[[Record], str]:
    return lambda record: "1" if record.get(name) else EMPTY


_READABLE: dict[str, tuple[str, Callable[[Record], str]]] = {
    "cpu": ("cpu%", _cpu),
    "mem": ("mem/GiB", _used_of("mem")),
    "disk": ("disk/GiB", _used_of("disk")),
    "uptime": ("uptime", _uptime),
    "shared": ("shared", _flag("shared")),
    "template": ("template", _flag("template")),
    **{
        name: (f"{name}/GiB", _size(name)) for name in ("maxmem", "maxdisk", "netin", "netout", "diskread", "diskwrite")
    },
}
"""Headers with units, and the cells in these units."""
