"""Backup jobs, users and rights of the demo cluster, which ``fakepve`` takes and does not keep."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from fakepve import PveError
from fakepve.routing import StatefulRoutes

from proxmox_mcp.demo import fixtures

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Values = dict[str, Any]


class Administration(StatefulRoutes):  # type: ignore[misc]
    """A part of the cluster: its routes come before fakepve's answers made from the schema."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.jobs: dict[str, Values] = {str(job["id"]): dict(job) for job in fixtures.JOBS}
        self.acl_entries: list[tuple[str, str, str]] = []

    def _routes_administration(self) -> list[tuple[str, str, Callable[[Values, str], Awaitable[Any]]]]:
        return [
            ("GET", "/cluster/backup", self._jobs),
            ("POST", "/cluster/backup", self._job_create),
            ("GET", "/cluster/backup/{id}", self._job),
            ("DELETE", "/cluster/backup/{id}", self._job_delete),
            ("GET", "/cluster/backup-info/not-backed-up", self._not_backed_up),
            ("GET", "/access/users", self._users),
            ("GET", "/access/acl", self._acl),
            ("PUT", "/access/acl", self._acl_update),
        ]

    async def _jobs(self, _values: Values, _user: str) -> Any:
        return list(self.jobs.values())

    async def _job(self, values: Values, _user: str) -> Any:
        if values["id"] not in self.jobs:
            raise PveError(500, f"No such job '{values['id']}'")
        return self.jobs[values["id"]]

    async def _job_create(self, values: Values, _user: str) -> None:
        name = values.get("id") or f"backup-{uuid.uuid4().hex[:8]}"
        if name in self.jobs:
            raise PveError(500, f"Job '{name}' already exists")
        self.jobs[name] = {"enabled": 1, "type": "vzdump", **values, "id": name}

    async def _job_delete(self, values: Values, user: str) -> None:
        await self._job(values, user)
        del self.jobs[values["id"]]

    async def _not_backed_up(self, _values: Values, user: str) -> Any:
        saved: set[int] = set()
        for job in self.jobs.values():
            if job.get("all"):
                return []
            saved |= self.pools.get(job.get("pool", ""), set())
            saved |= {int(part) for part in str(job.get("vmid") or "").split(",") if part}
        return [
            {"vmid": guest.vmid, "type": guest.guest.partition("/")[0], "name": guest.name}
            for guest in [*self.vms, *self.cts]
            if guest.vmid not in saved and self.allowed(user, f"/vms/{guest.vmid}", "VM.Audit")
        ]

    async def _users(self, _values: Values, user: str) -> Any:
        own = user.partition("!")[0]
        everyone = self.allowed(user, "/access/groups", "Sys.Audit")
        return [known for known in fixtures.USERS if everyone or known["userid"] == own]

    async def _acl(self, _values: Values, _user: str) -> Any:
        return [
            {"path": path, "type": "token" if "!" in who else "user", "ugid": who, "roleid": role, "propagate": 1}
            for path, who, role in self.acl_entries
        ]

    async def _acl_update(self, values: Values, _user: str) -> None:
        for role in str(values["roles"]).split(","):
            if role not in fixtures.ROLES:
                raise PveError(400, "Parameter verification failed.", {"roles": f"role '{role}' does not exist"})
            for who in f"{values.get('users') or ''},{values.get('tokens') or ''}".split(","):
                if who and values.get("delete"):
                    self._revoke(values["path"], who, role)
                elif who:
                    self.give_role(values["path"], who, role)

    def give_role(self, path: str, who: str, role: str) -> None:
        self.acl_entries.append((path, who, role))
        self.grant(who, path, *fixtures.ROLES[role].split())

    def _revoke(self, path: str, who: str, role: str) -> None:
        self.acl_entries = [entry for entry in self.acl_entries if entry != (path, who, role)]
        self.acl[who] = []
        for other_path, other, other_role in self.acl_entries:
            if other == who:
                self.grant(who, other_path, *fixtures.ROLES[other_role].split())
