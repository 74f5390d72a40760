"""The cluster's guests, nodes and storages now: one ``/cluster/resources``, kept for seconds, and lookups in it.

The records are those of ``PVE::API2::Cluster`` (``resources``); objects that the token may not see are missing.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import anyio
from msgspec import Struct

from proxmox_mcp.suggest import similar
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proxmox_mcp.proxmox.access import Reader

KEPT = 3.0
"""Seconds for which a snapshot is used."""

_MOST_LISTED = 10
_LONGEST_NAME = 100

GuestType = Literal["qemu", "lxc"]


class Guest(Struct, frozen=True):
    """A VM (``qemu``) or a container (``lxc``). ``ha_state`` is empty where HA does not manage it."""

    vmid: int
    type: GuestType
    name: str
    node: str
    status: str = ""
    tags: tuple[str, ...] = ()
    pool: str = ""
    template: bool = False
    lock: str = ""
    ha_state: str = ""

    @property
    def path(self) -> str:
        return f"/nodes/{self.node}/{self.type}/{self.vmid}"

    def __str__(self) -> str:
        return (
            f"{self.vmid} ({shown(self.name, _LONGEST_NAME) if self.name else 'no name'}, {self.type} on {self.node})"
        )


class Node(Struct, frozen=True):
    """A node; ``status`` is online, offline or unknown."""

    name: str
    status: str = ""


class Storage(Struct, frozen=True):
    """A storage as one node has it."""

    name: str
    node: str
    status: str = ""
    type: str = ""
    content: tuple[str, ...] = ()
    shared: bool = False


class Resources(Struct, frozen=True, dict=True):
    """A snapshot; ``records`` are Proxmox's own, as they came."""

    records: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, data: Any) -> Resources:
        """From the ``data`` of ``/cluster/resources``."""
        return cls(tuple(r for r in data if isinstance(r, dict)) if isinstance(data, list) else ())

    @cached_property
    def guests(self) -> tuple[Guest, ...]:
        guests = (r for r in self.records if r.get("type") in {"qemu", "lxc"})
        found = (_guest(r) for r in guests if str(r.get("vmid", "")).isdecimal())
        return tuple(sorted(found, key=lambda g: g.vmid))

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        found = (Node(str(r["node"]), str(r.get("status", ""))) for r in self._of_type("node") if r.get("node"))
        return tuple(sorted(found, key=lambda n: n.name))

    @cached_property
    def storages(self) -> tuple[Storage, ...]:
        found = (_storage(r) for r in self._of_type("storage") if r.get("storage") and r.get("node"))
        return tuple(sorted(found, key=lambda s: (s.name, s.node)))

    @cached_property
    def pools(self) -> tuple[str, ...]:
        return tuple(sorted(str(r["pool"]) for r in self._of_type("pool") if r.get("pool")))

    @cached_property
    def _by_id(self) -> dict[int, Guest]:
        return {g.vmid: g for g in self.guests}

    def guest(self, vmid: int | str) -> Guest | None:
        """The guest with a VMID: there is one at most in a cluster."""
        text = str(vmid)
        return self._by_id.get(int(text)) if text.isdecimal() and text.isascii() and len(text) < _LONGEST_ID else None

    def named(self, name: str) -> tuple[Guest, ...]:
        """The guests that bear a name; case counts only where it tells them apart."""
        exact = tuple(g for g in self.guests if g.name == name)
        return exact or tuple(g for g in self.guests if g.name.lower() == name.lower() and g.name)

    def _of_type(self, kind: str) -> Iterable[Mapping[str, Any]]:
        return (r for r in self.records if r.get("type") == kind)


_LONGEST_ID = 20
_SIMILAR = 0.6
"""Higher than for names of the API: those of guests, nodes and volumes have much in common (``web-01``, ``.iso``)."""


def near(name: str, names: Iterable[str], most: int = 5) -> list[str]:
    """Names that are similar to one, the most similar first; all of them, in order, where they are few and none is."""
    known = list(dict.fromkeys(names))
    return similar(name, known, most, threshold=_SIMILAR) or (known if len(known) <= most else [])


class Inventory:
    """The live snapshot of one cluster, fetched when it is asked for and too old, once for all who ask at the time."""

    def __init__(self, reader: Reader, *, kept: float = KEPT) -> None:
        self._reader = reader
        self._kept = kept
        self._snapshot: Resources | None = None
        self._taken = 0.0
        self._turn = anyio.Lock()

    async def resources(self, *, fresh: bool = False) -> Resources:
        """The snapshot, at most ``kept`` seconds old; ``fresh``: not older than this call. Raises ``ProxmoxError``."""
        asked = time.monotonic()
        async with self._turn:
            newest = asked if fresh else asked - self._kept
            if self._snapshot is None or self._taken < newest:
                started = time.monotonic()
                self._snapshot = Resources.of(await self._reader.get("/cluster/resources"))
                self._taken = started
            return self._snapshot

    def forget(self) -> None:
        """Something was changed: the next one who asks gets a new snapshot."""
        self._snapshot = None


def _guest(record: Mapping[str, Any]) -> Guest:
    return Guest(
        vmid=int(record["vmid"]),
        type=record["type"],
        name=str(record.get("name", "")),
        node=str(record.get("node", "")),
        status=str(record.get("status", "")),
        tags=_split(record.get("tags")),
        pool=str(record.get("pool", "")),
        template=str(record.get("template", "0")) == "1",
        lock=str(record.get("lock", "")),
        ha_state="" if record.get("hastate") == "ignored" else str(record.get("hastate") or ""),
    )


def _storage(record: Mapping[str, Any]) -> Storage:
    return Storage(
        name=str(record["storage"]),
        node=str(record["node"]),
        status=str(record.get("status", "")),
        type=str(record.get("plugintype", "")),
        content=_split(record.get("content")),
        shared=str(record.get("shared", "0")) == "1",
    )


def _split(text: Any) -> tuple[str, ...]:
    """Tags and content types: separated by ``;``, ``,`` or blanks."""
    return tuple(str(text or "").replace(";", " ").replace(",", " ").split())


def listed(names: Sequence[str]) -> str:
    """Names in a row, a long row cut with its number; what is more than a token is quoted."""
    return in_a_row([shown(name, _LONGEST_NAME) for name in names[:_MOST_LISTED]], len(names))


def listed_guests(guests: Sequence[Guest]) -> str:
    """Guests in a row, a long row cut with its number."""
    return in_a_row([str(guest) for guest in guests[:_MOST_LISTED]], len(guests))


def in_a_row(texts: Sequence[str], count: int, between: str = ", ") -> str:
    """The first of ``count`` texts on one line, and how many more there are."""
    row = between.join(texts)
    return f"{row} and {count - len(texts)} more" if count > len(texts) else row
