"""A cluster in memory: what each path answers, and a reader of it that keeps what it was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.errors import FailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_800_000_000.0
DAY = 86_400.0


def node(name: str, status: str = "online") -> dict[str, Any]:
    return {"type": "node", "node": name, "status": status}


def guest(vmid: int, name: str, at: str = "pve1", **more: Any) -> dict[str, Any]:
    return {"type": "qemu", "vmid": vmid, "name": name, "node": at, "status": "running", **more}


def storage(name: str, at: str, used: float = 0.1, **more: Any) -> dict[str, Any]:
    known = {"type": "storage", "storage": name, "node": at, "status": "available", "content": "backup"}
    return {**known, "disk": int(used * 1000), "maxdisk": 1000, **more}


def backup(vmid: int, days_ago: float) -> dict[str, Any]:
    return {"volid": f"nas:backup/{vmid}", "vmid": vmid, "ctime": int(NOW - days_ago * DAY)}


HEALTHY: dict[str, Any] = {
    "/cluster/resources": [
        node("pve1"),
        node("pve2"),
        guest(100, "web"),
        guest(101, "db", "pve2"),
        storage("nas", "pve1", shared=1),
        storage("nas", "pve2", shared=1),
    ],
    "/cluster/status": [
        {"type": "cluster", "name": "lab", "quorate": 1},
        {"type": "node", "name": "pve1", "online": 1},
        {"type": "node", "name": "pve2", "online": 1},
    ],
    "/cluster/tasks": [],
    "/cluster/ha/status/current": [{"type": "quorum", "id": "quorum", "quorate": 1, "status": "OK"}],
    "/cluster/replication": [],
    "/cluster/backup": [{"id": "all", "type": "vzdump", "all": 1, "schedule": "02:00", "enabled": 1}],
    "/cluster/backup-info/not-backed-up": [],
    "/nodes/pve1/storage/nas/content": [backup(100, 0.4), backup(101, 0.4), backup(101, 8)],
    **{
        f"/nodes/{name}/{what}": []
        for name in ("pve1", "pve2")
        for what in ("tasks", "services", "certificates/info", "replication")
    },
}


class Lab:
    """Answers by path; an exception among them is raised."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = {**HEALTHY, **answers}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def read(self, path: str, params: Mapping[str, Any]) -> Any:
        self.asked.append((path, dict(params)))
        answer = self.answers.get(path, FailedError(f"{path} is not in the script"))
        if isinstance(answer, Exception):
            raise answer
        return answer
