"""A run of a backup or of a job: which guests it takes, the retention that holds for it, also in words, and the backups
that go.

Proxmox removes older backups once the new one is there, and so does this count: with a retention of seven and seven
backups there, the oldest goes.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.gateway.cluster_time import zone_told
from proxmox_mcp.policy.values import list_members, property_values, texts
from proxmox_mcp.proxmox.pruning import Backup, can_be_dated, removed
from proxmox_mcp.proxmox.records import records
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import tzinfo

    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.proxmox.inventory import Guest, Resources

BACKUP_RUNS = frozenset(
    {("POST", "/nodes/{node}/vzdump"), ("POST", "/cluster/backup"), ("PUT", "/cluster/backup/{id}")}
)
"""What begins a backup, or makes or changes a backup job: methods and templates."""
_MOST_NODES = 8
"""Nodes whose own defaults and storages are read, where a run may be on any of them."""
_OWN_RETENTION = frozenset({"prune-backups", "maxfiles"})
_SELECTION = frozenset({"vmid", "pool", "all"})
_LONGEST_NUMBER = 9
_EACH = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}


async def runs(live: LiveState) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The settings of a job before the call and after it; None where the job does not exist."""
    call = live.call
    before = await live.configuration() if call.path_params.get("id") else None
    if call.method == "DELETE":
        return before, None
    after = {**(before or {}), **call.data}
    gone = set(list_members(after.pop("delete", None)))
    if not call.data.keys().isdisjoint(_SELECTION):
        gone |= _SELECTION - call.data.keys()
    after = {name: value for name, value in after.items() if name not in gone}
    if "node" in call.path_params:
        after["node"] = call.path_params["node"]
    return before, after


def taken(run: Mapping[str, Any], resources: Resources) -> Iterator[Guest]:
    """``PVE::VZDump::get_included_guests``: the guests named, those of a pool and of the pools in it, or all."""
    named = set(list_members(run.get("vmid")))
    excluded = set(list_members(run.get("exclude")))
    pool, node = _text(run, "pool"), _text(run, "node")
    for guest in resources.guests:
        if node and guest.node != node:
            continue
        vmid = str(guest.vmid)
        if named:
            wanted = vmid in named
        elif pool:
            wanted = guest.pool == pool or guest.pool.startswith(f"{pool}/")
        else:
            wanted = "1" in texts(run.get("all"))
        if wanted and vmid not in excluded:
            yield guest


async def doomed(live: LiveState) -> list[Backup] | None:
    """The backups that go if the run that a call begins or sets up were now; None where that is unknown.

    Raises ProxmoxError where it can't be read.
    """
    call = live.call
    if (call.method, call.template) not in BACKUP_RUNS:
        return []
    _, run = await runs(live)
    if run is None or run.get("dumpdir") is not None or ("id" in call.path_params and not await live.configuration()):
        return None
    if "0" in texts(run.get("remove")):
        return []
    keep = await _keep(run, live)
    if not keep:
        return None if keep is None else []
    resources = await live.resources()
    guests = list(taken(run, resources))
    named = set(list_members(run.get("vmid")))
    if not named.issubset(str(each.vmid) for each in guests) or not (named or await live.cluster.sees_all_guests()):
        return None
    storage = _text(run, "storage")
    nodes = sorted({each.node for each in guests})
    if not storage or len(nodes) > _MOST_NODES:
        return None
    if any(each.shared for each in resources.storages if each.name == storage):
        nodes = nodes[:1]
    new = "1" not in texts(run.get("protected"))
    found: list[Backup] = []
    for node in nodes:
        wanted = {"prune-backups": ",".join(f"{name}={number}" for name, number in keep.items())}
        listed = await live.read(f"/nodes/{node}/storage/{storage}/prunebackups", wanted)
        clock = await _clock(node, keep, live)
        for guest in guests:
            if len(nodes) > 1 and guest.node != node:
                continue
            there = _backups(listed, guest)
            if there is None or clock is None:
                return None
            now = max((clock[0], *(each.made + 1 for each in there)))
            made = [Backup("", str(guest.vmid), now)] if new else []
            found += [each for each in removed([*there, *made], keep, clock[1]) if each.volume]
    return found


async def _clock(node: str, keep: Mapping[str, int], live: LiveState) -> tuple[int, tzinfo] | None:
    """The node's time and zone, which say where its days and weeks begin; None where it does not tell them."""
    if not any(number for name, number in keep.items() if name != "keep-last"):
        return int(time.time()), UTC
    answer = await live.read(f"/nodes/{node}/time")
    zone = zone_told(answer)
    return (answer["time"], zone[0]) if zone and can_be_dated(answer.get("time")) else None


def _backups(listed: Any, guest: Guest) -> list[Backup] | None:
    """The backups of a guest that a retention may remove; None where one of them has no time."""
    found = []
    for each in records(listed):
        if str(each.get("vmid")) != str(guest.vmid) or each.get("type") != guest.type:
            continue
        if each.get("mark") in ("keep", "remove"):
            if not can_be_dated(each.get("ctime")):
                return None
            found.append(Backup(str(each.get("volid", "")), str(guest.vmid), each["ctime"]))
    return found


async def _keep(run: Mapping[str, Any], live: LiveState) -> dict[str, int] | None:
    """The retention of a run as numbers, empty where it keeps all; None where it is unknown."""
    if "maxfiles" in run and "prune-backups" not in run:
        number = _text(run, "maxfiles")
        return {"keep-last": int(number)} if _is_number(number) and number.strip("0") else None
    said = run["prune-backups"] if "prune-backups" in run else await retention(live, run)
    if said is None:
        return None
    values = property_values("prune-backups", said)
    keep = {name: found[-1] for name, found in values.items()}
    if not all(name.startswith("keep-") and _is_number(number) for name, number in keep.items()):
        return None
    numbers = {name: int(number) for name, number in keep.items()}
    return numbers if any(numbers.values()) and not numbers.get("keep-all") else {}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER


async def retention(live: LiveState, run: Mapping[str, Any]) -> str | None:
    """The retention in force for a run that names none: the storage's own, else that of each node where it may be.

    ``/nodes/{node}/vzdump/defaults`` tells both at once (``PVE::API2::VZDump``); a retention that removes backups
    counts wherever one of several nodes has it.
    """
    storage, node = _text(run, "storage"), _text(run, "node")
    if run.get("dumpdir") is not None:
        return None
    nodes = [node] if node else [each.name for each in (await live.resources()).nodes]
    if not nodes or len(nodes) > _MOST_NODES:
        return None
    found: dict[str, str | None] = {}

    async def read(name: str) -> None:
        try:
            query = {"storage": storage} if storage else None
            answer = await live.read(f"/nodes/{name}/vzdump/defaults", query)
        except ProxmoxError:
            found[name] = None
        else:
            kept = answer.get("prune-backups", "") if isinstance(answer, dict) else None
            found[name] = None if kept is None else ",".join(texts(kept))

    async with anyio.create_task_group() as group:
        for name in nodes:
            group.start_soon(read, name)
    unlike = set(found.values())
    if None in unlike:
        return None
    return next((kept for kept in sorted(filter(None, unlike)) if "keep-all=1" not in kept), "")


async def retention_of_call(live: LiveState) -> str | None:
    """The same for a call that begins a run or makes a job."""
    call = live.call
    return await retention(live, {"node": call.path_params.get("node"), **call.data})


async def retention_words(live: LiveState) -> str:
    """What one of the ``BACKUP_RUNS`` keeps of the older backups, as ``Keeps the last 7 backups of each guest on nas``;
    empty where that is not known."""
    call = live.call
    in_force = None
    if call.method == "POST" and call.data.keys().isdisjoint(_OWN_RETENTION):
        with suppress(ProxmoxError):
            in_force = await retention_of_call(live)
    return _words(call.data, in_force)


def _words(run: Mapping[str, Any], in_force: str | None) -> str:
    """The retention of a run in words. ``in_force`` holds where the run names none; None if it is not known."""
    place = _text(run, "storage")
    where = f" on {shown(place)}" if place else ""
    if "0" in texts(run.get("remove")):
        return f"Removes no backup{where}"
    given = run.get("prune-backups", in_force)
    if given is None:
        return ""
    kept = property_values("prune-backups", given)
    if not kept or kept.get("keep-all") == ["1"]:
        return f"Keeps all backups{where}"
    words = [f"the last {number}" for number in _numbers(kept.get("keep-last", ()))]
    words += [
        f"one for each of the last {number} {each}s"
        for name, each in _EACH.items()
        for number in _numbers(kept.get(f"keep-{name}", ()))
    ]
    return f"Keeps {', '.join(words)} backups of each guest{where}" if words else ""


def _numbers(found: Iterable[str]) -> list[str]:
    return [number for number in found if number.isdecimal() and number != "0"]


def _text(run: Mapping[str, Any], name: str) -> str:
    return "".join(texts(run.get(name)))
