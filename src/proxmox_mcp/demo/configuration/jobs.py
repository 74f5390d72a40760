"""Backup jobs and replication jobs."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fakepve import PveError

from proxmox_mcp.demo.configuration.collection import Collection, Values
from proxmox_mcp.demo.configuration.property_strings import decoded
from proxmox_mcp.demo.configuration.schedules import next_run

if TYPE_CHECKING:
    from collections.abc import Callable


_BOOLEAN = {"type": "boolean"}
_DECODED: dict[str, Values] = {
    "prune-backups": {"keep-all": _BOOLEAN},
    "fleecing": {"enabled": {**_BOOLEAN, "default_key": 1}},
    "performance": {},
}
"""The options that a GET decodes, with those of their parts that are not text."""


class ScheduledJobs(Collection):
    """Jobs whose list says when they run next."""

    def list(self) -> list[Values]:
        now = datetime.now().astimezone()
        listed = super().list()
        for job in listed:
            run = next_run(job["schedule"], now)
            job |= {} if run is None else {"next-run": run}
        return listed


class BackupJobs(ScheduledJobs):
    """A job saves all guests but ``exclude``, those of ``vmid``, or those of a pool: the last one set counts."""

    def create(self, values: Values) -> str | None:
        return super().create({"id": str(uuid.uuid4()), **values})

    def shown(self, _name: str, item: Values) -> Values:
        return {
            key: decoded(_DECODED[key], value) if key in _DECODED and isinstance(value, str) else value
            for key, value in item.items()
        }

    def update(self, values: Values) -> str | None:
        if values.keys() <= {"id"}:
            raise PveError(500, "no options specified")
        for key in ("vmid", "schedule"):
            if values.get(key) == "" or (
                key == "schedule" and "schedule" in str(values.get("delete") or "").split(",")
            ):
                refused = f"400 Parameter verification failed.\n{key}: property is missing and it is not optional"
                raise PveError(500, refused)
        return super().update(values)

    def changed(self, _name: str, item: Values, values: Values) -> Values:
        # PVE::API2::Backup::update_job
        if item.get("exclude") and not item.get("pool"):
            item["all"] = 1
        if values.get("vmid"):
            _drop(item, "all", "exclude", "pool")
        elif values.get("all"):
            _drop(item, "vmid", "pool")
        elif item.get("pool"):
            _drop(item, "vmid", "all", "exclude")
        return item


class ReplicationJobs(Collection):
    """A job is named for its guest; a plain deletion only marks it, until the guest's node has removed the copies."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.guest_of: Callable[[int], Any] = lambda _vmid: None

    def prepared(self, values: Values) -> Values:
        return {key: value for key, value in values.items() if key != "source"}

    def create(self, values: Values) -> str | None:
        guest = values["id"].partition("-")[0]
        if self.guest_of(int(guest)) is None:
            raise PveError(500, f"guest '{guest}' does not exist")
        return super().create(values)

    def shown(self, name: str, item: Values) -> Values:
        guest, _, number = name.partition("-")
        return {**item, "guest": int(guest), "jobnum": int(number), "source": self._node_of(int(guest))}

    def delete(self, values: Values) -> str | None:
        name = values["id"]
        if values.get("force"):
            self.items.pop(name, None)
            return None
        if name not in self.items:
            raise self._missing(self.kind.unknown.format(id=name))
        self.items[name]["remove_job"] = "local" if values.get("keep") else "full"
        return None

    def on_node(self, node: str) -> list[Values]:
        """The jobs of a node with their state, as ``/nodes/{node}/replication`` shows them."""
        return [{**job, **self._state(job)} for job in self.list() if job["source"] == node]

    def _node_of(self, vmid: int) -> str | None:
        guest = self.guest_of(vmid)
        return guest.node if guest else None

    def _state(self, job: Values) -> Values:
        run = next_run(job.get("schedule", "*/15"), datetime.now().astimezone())
        kind = self.guest_of(job["guest"]).guest.partition("/")[0]
        return {"last_sync": 0, "last_try": 0, "fail_count": 0, "next_sync": run or 0, "vmtype": kind}


def _drop(item: Values, *keys: str) -> None:
    for key in keys:
        item.pop(key, None)
