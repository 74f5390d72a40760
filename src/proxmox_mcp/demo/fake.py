"""A ``fakepve`` with what it lacks: figures, backups that leave a file, a configuration, tasks with progress.

``fakepve`` is AGPL software: it is imported here and in nothing but the launcher's own process.
"""

# Tested through tests/demo/test_cluster.py.

from __future__ import annotations

import gzip
import json
import time
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from aiohttp import web
from fakepve import FakePve, PveError, TaskError
from fakepve.lxc import format_size, parse_size

from proxmox_mcp.demo import fixtures
from proxmox_mcp.demo.bulk_tasks import BulkTasks
from proxmox_mcp.demo.configuration.cluster import ClusterConfiguration
from proxmox_mcp.demo.fixtures import DAY, GIB
from proxmox_mcp.demo.health import ClusterHealth
from proxmox_mcp.demo.load_history import load_history
from proxmox_mcp.demo.retention import BackupRetention

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Values = dict[str, Any]

_APIDOC_PATH = "/pve-docs/api-viewer/apidoc.js"
_STEPS = 10
_COPYING = frozenset({"qmclone", "vzclone", "qmmove", "qmigrate", "vzmigrate", "imgcopy", "resize", "qmtemplate"})


@cache
def _own_apidoc() -> str:
    """The schema that fakepve itself answers by, in the form in which a node serves it."""
    packed = (files("fakepve") / "data" / "pve-api.json.gz").read_bytes()
    paths = json.loads(gzip.decompress(packed))["paths"]
    tree = [
        {"path": path, "text": path.rpartition("/")[2], "info": {m: {"method": m, **i} for m, i in methods.items()}}
        for path, methods in paths.items()
    ]
    return f"const apiSchema = {json.dumps(tree)};\n"


class DemoPve(BulkTasks, ClusterHealth, BackupRetention, ClusterConfiguration, FakePve):  # type: ignore[misc]
    """A fakepve with figures, backups, a configuration, and tasks that take ``task_seconds`` and tell progress."""

    def __init__(self, host: str, port: int, password: str, task_seconds: float, apidoc: Path | None) -> None:
        super().__init__(user="root@pam", password=password, host=host, port=port)
        self.time_scale = 1.0
        self.ha_delay = min(1.0, task_seconds)
        self.version, self.release_version = fixtures.VERSION, fixtures.RELEASE
        self.cluster_name = fixtures.CLUSTER
        self.task_seconds = task_seconds
        self.apidoc = apidoc
        self.pending_work = []
        self.ha_resources.act = self.act_later
        self.figures = {node.name: node for node in fixtures.NODES}
        self.usages = {guest.vmid: fixtures.usage(guest) for guest in fixtures.GUESTS}

    # The schema, as a node serves it: without a login.

    def _build_app(self) -> Any:
        app = super()._build_app()
        app.router.add_get(_APIDOC_PATH, self._apidoc)
        return app

    async def _apidoc(self, _request: Any) -> Any:
        if self.apidoc is not None:
            return web.FileResponse(str(self.apidoc), headers={"Content-Type": "application/javascript"})
        return web.Response(text=_own_apidoc(), content_type="application/javascript")

    def _authenticate(self, request: Any) -> Any:
        return None if request.path == _APIDOC_PATH else super()._authenticate(request)

    async def answer(self, request: Any, match: Any, *args: Any, **kwargs: Any) -> Any:
        if match is None:
            raise PveError(501, f"Method '{request.method} {request.path.removeprefix('/api2/json')}' not implemented")
        return await super().answer(request, match, *args, **kwargs)

    # Figures.

    def _node_figures(self, name: str) -> Values:
        node = self.figures[name]
        return {
            "cpu": node.cpu,
            "maxcpu": node.cores,
            "mem": int(node.memory_used * GIB),
            "maxmem": node.memory * GIB,
            "disk": int(node.disk_used * GIB),
            "maxdisk": 94 * GIB,
            "uptime": int(node.uptime * DAY),
        }

    def _with_node_figures(self, response: Any) -> Any:
        body = json.loads(response.text)
        for item in body["data"]:
            if item["type"] == "node" and item["status"] == "online":
                item.update(self._node_figures(item["node"]))
        return web.json_response(body)

    async def _nodes(self, request: Any) -> Any:
        return self._with_node_figures(await super()._nodes(request))

    async def _resources(self, request: Any) -> Any:
        return self._with_node_figures(await super()._resources(request))

    def _used_by(self, guest: Any) -> Values:
        usage = self.usages.get(guest.vmid)
        if usage is None or guest.status != "running":
            return {}
        return {"cpu": usage.cpu, "mem": usage.mem, "netin": usage.traffic, "netout": usage.traffic // 3}

    def _vm_usage(self, vm: Any) -> Values:
        return {**super()._vm_usage(vm), **self._used_by(vm)}

    def _status(self, ct: Any) -> Values:
        disk = self.usages[ct.vmid].disk if ct.vmid in self.usages else 0
        return {**super()._status(ct), **self._used_by(ct), "disk": disk}

    def ct_resources(self, user: str, kind: str | None = None) -> list[Values]:
        items: list[Values] = super().ct_resources(user, kind)
        for item in items:
            status = self._status(self.ct(item["vmid"]))
            item.update((key, status[key]) for key in ("cpu", "mem", "disk", "netin", "netout"))
        return items

    def _space(self, store: Values) -> tuple[int, int, int]:
        total, used, _avail = super()._space({**store, "avail": 0})
        total, used = store.get("total", total), used + store.get("other", 0)
        return total, used, max(0, total - used)

    def _storage_resource(self, node: str, name: str) -> Values | None:
        item: Values | None = super()._storage_resource(node, name)
        if item and item["status"] == "available":
            item["maxdisk"], item["disk"], _ = self._space(self.storages[name])
        return item

    # Tasks.

    async def task(
        self,
        node: str,
        ttype: str,
        tid: Any,
        user: str,
        body: Callable[[], Awaitable[str | None]],
        **options: Any,
    ) -> str:
        """As fakepve's, but what copies takes its time and says how far it is."""
        upid = ""

        async def slowly() -> str | None:
            for step in range(1, _STEPS + 1):
                await self.pause(self.task_seconds / _STEPS)
                share = f"transferred {3.2 * step:.1f} GiB of 32.0 GiB ({100 * step / _STEPS:.2f}%)"
                self.tasks[upid]["log"].append(share)
            return await body()

        upid = str(
            await super().task(
                node, ttype, tid, user, slowly if ttype in _COPYING and self.time_scale else body, **options
            )
        )
        return upid

    def add_past_task(
        self, node: str, ttype: str, tid: str, user: str, started: float, seconds: int, log: list[str], error: str = ""
    ) -> None:
        """A task that ended before the cluster was started here."""
        pid, began = next(self._pids), int(started)
        upid = f"UPID:{node}:{pid:08X}:{pid * 7:08X}:{began:08X}:{ttype}:{tid}:{user}:"
        record = {"upid": upid, "node": node, "pid": pid, "pstart": pid * 7, "starttime": began, "type": ttype}
        record |= {"id": tid, "user": user, "status": "stopped", "exitstatus": error or "OK"}
        record |= {"endtime": began + seconds, "log": [*log, f"TASK ERROR: {error}" if error else "TASK OK"]}
        self.tasks[upid] = record
        self.tasklog.append(record)

    def _routes_demo(self) -> list[tuple[str, str, Callable[[Values, str], Awaitable[Any]]]]:
        return [
            ("GET", "/nodes/{node}/status", self._node_status),
            ("GET", "/nodes/{node}/version", self._node_version),
            ("GET", "/nodes/{node}/rrddata", self._node_load),
            ("POST", "/nodes/{node}/vzdump", self._vzdump),
            ("POST", "/nodes/{node}/qemu/{vmid}/migrate", self._qm_migrate),
            ("PUT", "/nodes/{node}/qemu/{vmid}/resize", self._qm_resize),
            ("GET", "/cluster/tasks", self._cluster_tasks),
        ]

    async def _node_status(self, values: Values, _user: str) -> Any:
        figures = self._node_figures(values["node"])
        memory = {"used": figures["mem"], "total": figures["maxmem"], "free": figures["maxmem"] - figures["mem"]}
        disk = {"used": figures["disk"], "total": figures["maxdisk"], "avail": figures["maxdisk"] - figures["disk"]}
        return {
            "uptime": figures["uptime"],
            "cpu": figures["cpu"],
            "wait": 0.004,
            "loadavg": [f"{figures['cpu'] * figures['maxcpu']:.2f}"] * 3,
            "memory": memory,
            "swap": {"used": 0, "total": 8 * GIB, "free": 8 * GIB},
            "rootfs": {**disk, "free": disk["avail"]},
            "cpuinfo": {"cpus": figures["maxcpu"], "cores": figures["maxcpu"] // 2, "sockets": 1, "model": "EPYC"},
            "kversion": "Linux 6.17.4-1-pve #1 SMP",
            "pveversion": f"pve-manager/{fixtures.VERSION}/fakepve",
        }

    async def _node_version(self, _values: Values, _user: str) -> Any:
        return {"version": fixtures.VERSION, "release": fixtures.RELEASE, "repoid": "fakepve"}

    async def _node_load(self, values: Values, _user: str) -> Any:
        name = values["node"]
        return load_history(self._node_figures(name), name, str(values.get("timeframe", "hour")), time.time())

    async def _cluster_tasks(self, _values: Values, user: str) -> Any:
        return [
            self._task_view(task, listing=True)
            for task in reversed(self.tasklog)
            if self._task_owner(user, task) or self.allowed(user, f"/nodes/{task['node']}", "Sys.Audit")
        ][:500]

    async def _qm_resize(self, values: Values, user: str) -> str:
        vm, disk = self.find(values["node"], values["vmid"]), values["disk"]
        if disk not in vm.config:
            raise PveError(500, f"disk '{disk}' does not exist")
        volume, _, size = str(vm.config[disk]).rpartition("size=")
        wanted = values["size"]
        bytes_now = parse_size(size)
        bytes_wanted = bytes_now + parse_size(wanted[1:]) if wanted.startswith("+") else parse_size(wanted)

        async def body() -> None:
            if bytes_wanted < bytes_now:
                raise TaskError("shrinking disks is not supported")
            vm.config[disk] = f"{volume}size={format_size(bytes_wanted)}"

        return await self.task(vm.node, "resize", vm.vmid, user, body)

    async def _qm_migrate(self, values: Values, user: str) -> Any:
        vm = self.find(values["node"], values["vmid"])
        if values["target"] not in self.nodes:
            raise PveError(500, f"no such cluster node '{values['target']}'")
        if values["target"] == vm.node:
            raise PveError(400, "Parameter verification failed.", {"target": "target is local node."})
        if vm.status == "running" and not values.get("online"):
            raise PveError(500, "can't migrate running VM without --online")
        if vm.ha_managed:
            return await self._ha_migrate(vm, values["target"], user)
        return await self.migrate(vm.vmid, values["target"], secs=self.task_seconds / 2, user=user)

    async def _ha_migrate(self, vm: Any, target: str, user: str) -> str:
        """A request to HA, whose task ends before the guest moves."""

        async def body() -> None:
            self.move_later(vm, target)

        log = [f"Requesting HA migration for VM {vm.vmid} to node {target}"]
        return await self.task(vm.node, "hamigrate", vm.vmid, user, body, lock=False, log=log)

    async def _vzdump(self, values: Values, user: str) -> Any:
        """A backup that leaves its file on the storage, with the log of one."""
        wanted = [int(part) for part in str(values.get("vmid") or "").replace(";", ",").split(",") if part.strip()]
        storage = values.get("storage") or "local"
        if storage not in self.storages:
            raise PveError(500, f"storage '{storage}' does not exist")
        upid = ""

        async def body() -> None:
            log = self.tasks[upid]["log"]
            log.append(f"INFO: starting new backup job: vzdump {' '.join(map(str, wanted))} --storage {storage}")
            failed = False
            for vmid in wanted:
                try:
                    await self._back_up(vmid, values["node"], storage, log)
                except TaskError as error:
                    log.append(f"ERROR: Backup of VM {vmid} failed - {error}")
                    failed = True
            log.append(f"INFO: Backup job finished {'with errors' if failed else 'successfully'}")
            if failed:
                raise TaskError("job errors")

        upid = await self.task(values["node"], "vzdump", wanted[0] if len(wanted) == 1 else "", user, body)
        return upid

    async def _back_up(self, vmid: int, node: str, storage: str, log: list[str]) -> None:
        guest = self.guest(vmid)
        if guest is None or guest.node != node:
            raise TaskError(f"unable to find VM '{vmid}'")
        log.append(f"INFO: Starting Backup of VM {vmid} ({guest.guest.partition('/')[0]})")
        if guest.lock:
            raise TaskError(f"VM is locked ({guest.lock})")
        disk = next((known.disk for known in fixtures.GUESTS if known.vmid == vmid), 8)
        volume = backup_volume(guest.guest.partition("/")[0], vmid, time.time())
        log.append(f"INFO: creating vzdump archive '{self._base_path(storage)}/dump/{volume.partition('/')[2]}'")
        guest.lock, started = "backup", time.monotonic()
        try:
            for step in range(1, _STEPS + 1):
                await self.pause(self.task_seconds / _STEPS)
                done, seconds = disk * step / _STEPS, time.monotonic() - started
                log.append(f"INFO: {100 * step // _STEPS:3d}% ({done:.1f} GiB of {disk}.0 GiB) in {seconds:.0f}s")
        finally:
            guest.lock = None
        self.storages[storage]["volumes"][volume] = backup_entry(vmid, disk, time.time(), guest.name)
        log.append(f"INFO: archive file size: {0.3 * disk:.2f}GB")
        log.append(f"INFO: Finished Backup of VM {vmid}")


def backup_volume(kind: str, vmid: int, moment: float) -> str:
    """The volume name of a backup: ``backup/vzdump-qemu-100-2026_01_31-02_00_07.vma.zst``."""
    stamp = time.strftime("%Y_%m_%d-%H_%M_%S", time.localtime(moment))
    return f"backup/vzdump-{kind}-{vmid}-{stamp}.{'vma' if kind == 'qemu' else 'tar'}.zst"


def backup_entry(vmid: int, disk: int, moment: float, notes: str) -> Values:
    """A backup as the storage keeps it; ``disk`` in GiB."""
    size = int(0.3 * disk * GIB)
    return {"content": "backup", "size": size, "ctime": int(moment), "vmid": vmid, "notes": notes, "format": "zst"}
