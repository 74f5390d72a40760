"""``startall``, ``stopall`` and ``migrateall`` of the demo cluster, with the logs that ``PVE::API2::Nodes`` writes.

As there, a task ends with ``OK`` even if single guests failed, and guests under HA are left alone by the first two.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from fakepve import PveError
from fakepve.routing import split_list

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    Values = dict[str, Any]

_SHUTDOWN_SECONDS = 180


class BulkTasks:
    """Mixin of FakePve."""

    task: Callable[..., Awaitable[str]]
    pause: Callable[[float], Awaitable[None]]
    all_guests: Callable[[], list[Any]]
    nodes: Values
    tasks: Values
    task_seconds: float
    ha_delay: float
    pending_work: list[asyncio.Future[None]]

    def _routes_bulk_tasks(self) -> list[tuple[str, str, Callable[[Values, str], Awaitable[Any]]]]:
        return [
            ("POST", "/nodes/{node}/startall", self._startall),
            ("POST", "/nodes/{node}/stopall", self._stopall),
            ("POST", "/nodes/{node}/migrateall", self._migrateall),
        ]

    async def _startall(self, values: Values, user: str) -> str:
        async def body(log: list[str]) -> None:
            for guest in self._chosen(values, with_ha=False):
                if (
                    guest.status == "running"
                    or guest.template
                    or not (values.get("force") or guest.config.get("onboot"))
                ):
                    continue
                log.append(f"Starting {_kind(guest)} {guest.vmid}")
                await self.pause(guest.start_secs)
                if error := guest.start_error or (f"{_kind(guest)} is locked ({guest.lock})" if guest.lock else ""):
                    log.append(f"Starting {_kind(guest)} {guest.vmid} failed: {error}")
                else:
                    _run(guest)

        return await self._bulk_task("startall", values, user, body)

    async def _stopall(self, values: Values, user: str) -> str:
        async def body(log: list[str]) -> None:
            for guest in self._chosen(values, with_ha=False):
                if guest.status != "running":
                    continue
                log.append(f"Stopping {_kind(guest)} {guest.vmid} (timeout = {_SHUTDOWN_SECONDS} seconds)")
                if not guest.lock:
                    await self.pause(guest.stop_secs)
                    _stop(guest)

        return await self._bulk_task("stopall", values, user, body)

    async def _migrateall(self, values: Values, user: str) -> str:
        target = values["target"]
        if target not in self.nodes:
            raise PveError(500, f"no such cluster node '{target}'")

        async def body(log: list[str]) -> None:
            for guest in self._chosen(values, with_ha=True):
                local = [text.split(",")[0] for text in guest.config.values() if str(text).startswith("local")]
                if _kind(guest) == "VM" and guest.status == "running" and local and not values.get("with-local-disks"):
                    log += [
                        f"skip VM {guest.vmid} - precondition check failed:",
                        f"  Has local disks: {', '.join(local)}",
                    ]
                    continue
                log.append(f"Migrating {_kind(guest)} {guest.vmid}")
                if guest.ha_managed:
                    self.move_later(guest, target)
                elif not guest.lock:
                    await self.pause(self.task_seconds / 10)
                    guest.node = target

        return await self._bulk_task("migrateall", values, user, body)

    def move_later(self, guest: Any, target: str) -> None:
        """As HA does once it has seen a request."""

        async def move() -> None:
            await self.pause(self.ha_delay)
            guest.node = target

        self._later(move())

    def act_later(self, guest: Any, state: str) -> None:
        """Start or stop a guest, as HA does for a resource that was given another state."""

        async def act() -> None:
            await self.pause(self.ha_delay)
            if state == "started" and guest.status != "running":
                _run(guest)
            elif state in ("stopped", "disabled"):
                _stop(guest)

        self._later(act())

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        self.pending_work = [each for each in self.pending_work if not each.done()]
        self.pending_work.append(asyncio.ensure_future(work))  # the loop keeps no reference of its own

    async def _bulk_task(
        self, kind: str, values: Values, user: str, body: Callable[[list[str]], Awaitable[None]]
    ) -> str:
        upid = ""

        async def run() -> None:
            await body(self.tasks[upid]["log"])

        upid = await self.task(values["node"], kind, "", user, run)
        return upid

    def _chosen(self, values: Values, *, with_ha: bool) -> Iterator[Any]:
        vmids = {int(each) for each in split_list(values.get("vms"))}
        for guest in sorted(self.all_guests(), key=lambda each: int(each.vmid)):
            on_node = guest.node == values["node"] and (not vmids or guest.vmid in vmids)
            if on_node and (with_ha or not guest.ha_managed):
                yield guest


def _kind(guest: Any) -> str:
    return "CT" if str(guest.guest).startswith("lxc") else "VM"


def _run(guest: Any) -> None:
    guest.status, guest.started_at = "running", time.time()
    if _kind(guest) == "VM":
        guest.qmpstatus = "running"


def _stop(guest: Any) -> None:
    guest.status = "stopped"
    if _kind(guest) == "VM":
        guest.qmpstatus = "stopped"
