"""Reads what a report needs and puts the findings together. A cluster of three nodes takes about twenty GETs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from proxmox_mcp.proxmox.problems import cluster_checks, node_checks
from proxmox_mcp.proxmox.problems.backup_checks import Backups, backup_problems
from proxmox_mcp.proxmox.problems.model import ClusterProblem, ProblemReport, in_order
from proxmox_mcp.proxmox.problems.reads import PlannedRead, Read, Reads
from proxmox_mcp.proxmox.records import flag, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.apidoc.model import Wire

WITHIN = 20.0
"""Seconds for all requests together; what has not come by then is told as unread."""
MOST_NODES, MOST_STORAGES = 64, 64
"""Nodes that are asked one by one, and lists of backups that are read."""
_MOST_TASKS = 200

_RESOURCES, _STATUS, _TASKS = "/cluster/resources", "/cluster/status", "/cluster/tasks"
_HA, _REPLICATION = "/cluster/ha/status/current", "/cluster/replication"
_JOBS, _WITHOUT_JOB = "/cluster/backup", "/cluster/backup-info/not-backed-up"

_OF_THE_CLUSTER = (
    PlannedRead(_RESOURCES, "nodes, storages and guests"),
    PlannedRead(_STATUS, "quorum"),
    PlannedRead(_TASKS, "running tasks"),
    PlannedRead(_HA, "HA"),
    PlannedRead(_REPLICATION, "replication jobs"),
    PlannedRead(_JOBS, "backup jobs"),
    PlannedRead(_WITHOUT_JOB, "guests in no backup job"),
)


async def examine(read: Read, now: float, since: float, *, within: float = WITHIN) -> ProblemReport:
    """What is wrong in the cluster ``now`` (seconds since 1970), with the tasks that failed after ``since``.

    Raises the error of ``/cluster/resources``, without which nothing can be said.
    """
    reads = Reads(read)
    with anyio.move_on_after(within):
        await reads.all(_OF_THE_CLUSTER)
        if error := reads.error(_RESOURCES):
            raise error.fresh()
        cluster = _Cluster(reads)
        await reads.all([*cluster.of_nodes(since), *cluster.backup_lists()])
    return ProblemReport(in_order(list(_Cluster(reads).findings(now))), reads.unread(), now)


class _Cluster:
    """What was read of the cluster as a whole, and what has to be read because of it."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._resources = reads.records(_RESOURCES)
        self._guests = [each for each in self._resources if text(each, "vmid")]
        self._offline = list(cluster_checks.offline_nodes(self._resources, reads.records(_STATUS)))
        offline = {each.names[0] for each in self._offline}
        nodes = {text(each, "node") for each in self._resources if each.get("type") == "node"} - {""}
        # Those in the state `unknown` can be asked: it only says that their figures are old.
        self._online = sorted(nodes - offline)

    def of_nodes(self, since: float) -> Iterator[PlannedRead]:
        for node in self._online[MOST_NODES:]:
            self._reads.skip(PlannedRead(f"/nodes/{node}", "tasks, services, certificates", node), "too many nodes")
        replicated = {text(job, "guest") for job in self._reads.records(_REPLICATION)}
        sources = {text(each, "node") for each in self._guests if text(each, "vmid") in replicated}
        failed: Wire = {"errors": "1", "since": str(int(since)), "limit": str(_MOST_TASKS)}
        for node in self._online[:MOST_NODES]:
            yield PlannedRead(f"/nodes/{node}/tasks", "failed tasks", node, failed)
            yield PlannedRead(f"/nodes/{node}/services", "services", node)
            yield PlannedRead(f"/nodes/{node}/certificates/info", "certificates", node)
            if node in sources:
                yield PlannedRead(f"/nodes/{node}/replication", "replication", node)

    def backup_lists(self) -> list[PlannedRead]:
        """The lists of backups: of a shared storage by the first node that has it, of another by its own."""
        lists: dict[str, PlannedRead] = {}
        unavailable: dict[str, PlannedRead] = {}
        for record in self._resources:
            if record.get("type") != "storage" or "backup" not in text(record, "content").split(","):
                continue
            name, node = text(record, "storage"), text(record, "node")
            place = name if flag(record, "shared") else f"{node}/{name}"
            wanted = PlannedRead(_contents(node, name), "backups", place, {"content": "backup"})
            usable = node in self._online and text(record, "status") in ("available", "")
            (lists if usable else unavailable).setdefault(place, wanted)
        for place, wanted in unavailable.items():
            if place not in lists:
                self._reads.skip(wanted, "the storage is not available")
        for wanted in list(lists.values())[MOST_STORAGES:]:
            self._reads.skip(wanted, "too many storages")
        return list(lists.values())[:MOST_STORAGES]

    def findings(self, now: float) -> Iterator[ClusterProblem]:
        reads = self._reads
        yield from cluster_checks.quorum(reads.records(_STATUS))
        yield from self._offline
        yield from cluster_checks.storages(self._resources, {each.names[0] for each in self._offline})
        running = {text(each, "id") for each in reads.records(_TASKS) if not text(each, "endtime")}
        yield from cluster_checks.locked_guests(self._resources, running)
        yield from cluster_checks.ha_errors(reads.records(_HA))
        yield from self._backup_findings(now)
        names = {text(each, "vmid"): cluster_checks.guest_names(each) for each in self._guests}
        for node in self._online:
            base = f"/nodes/{node}"
            yield from node_checks.failed_tasks(reads.records(f"{base}/tasks"), names, node)
            yield from node_checks.failed_services(reads.records(f"{base}/services"), node)
            yield from node_checks.expiring_certificates(reads.records(f"{base}/certificates/info"), node, now)
            yield from cluster_checks.replication_errors(reads.records(f"{base}/replication"), node)

    def _backup_findings(self, now: float) -> Iterator[ClusterProblem]:
        reads = self._reads
        storages = [each for each in self._resources if each.get("type") == "storage"]
        places = {(text(each, "node"), text(each, "storage")): flag(each, "shared") for each in storages}
        unread = {each.look for each in reads.unread()}
        missed = [(node, shared) for (node, name), shared in places.items() if _contents(node, name) in unread]
        entries = [entry for node, name in places for entry in reads.records(_contents(node, name))]
        jobs = reads.records(_JOBS) if reads.has(_JOBS) else None
        without = {text(each, "vmid") for each in reads.records(_WITHOUT_JOB)} if reads.has(_WITHOUT_JOB) else None
        unknown_of = set(self._all_nodes()) if any(shared for _, shared in missed) else {node for node, _ in missed}
        return backup_problems(self._guests, jobs, without, Backups.of(entries, unknown_of), now)

    def _all_nodes(self) -> Iterator[str]:
        return (text(each, "node") for each in self._guests)


def _contents(node: str, storage: str) -> str:
    return f"/nodes/{node}/storage/{storage}/content"
