"""The endpoints of everything that is kept as a ``Collection``, and the collections of a cluster put together."""

# Tested through tests/demo/configuration/test_kinds.py, tests/demo/configuration/test_cascades.py and
# tests/demo/configuration/test_jobs.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakepve import PveError
from fakepve import schema as pve_schema
from fakepve.routing import split_list

from proxmox_mcp.demo.configuration import kinds
from proxmox_mcp.demo.configuration.cascades import Cascades
from proxmox_mcp.demo.configuration.collection import Collection, ConfigFile, Kind
from proxmox_mcp.demo.configuration.firewall import FirewallRules
from proxmox_mcp.demo.configuration.guests import GuestRules
from proxmox_mcp.demo.configuration.hardware import AcmePlugins, CpuModels, Mappings
from proxmox_mcp.demo.configuration.high_availability import HaResources, HaRules
from proxmox_mcp.demo.configuration.jobs import BackupJobs, ReplicationJobs, ScheduledJobs
from proxmox_mcp.demo.configuration.notifications import (
    BUILT_IN_ENDPOINT,
    BUILT_IN_MATCHER,
    Endpoints,
    Matchers,
    Webhooks,
    targets_of,
)
from proxmox_mcp.demo.configuration.options import OptionsApi
from proxmox_mcp.demo.configuration.permissions import known_options
from proxmox_mcp.demo.configuration.realms import Realms
from proxmox_mcp.demo.configuration.sdn_api import SdnApi
from proxmox_mcp.demo.configuration.second_factors import SecondFactorApi

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Values = dict[str, Any]
    Route = tuple[str, str, Callable[[Values, str], Awaitable[Any]]]


def collection_of(kind: Kind, file: ConfigFile | None = None, of: type[Collection] = Collection) -> Any:
    """A collection whose ``delete`` knows the options of the endpoint's schema."""
    return of(kind, file, known_options(kind.item_path))


def routes_of(kind: Kind, collection: Callable[[], Collection]) -> list[Route]:
    """The five endpoints of a kind, those of them that Proxmox has."""

    async def read_all(_values: Values, _user: str) -> Any:
        return collection().list()

    async def read(values: Values, _user: str) -> Any:
        return collection().read(values)

    async def create(values: Values, _user: str) -> Any:
        return collection().create(values)

    async def update(values: Values, _user: str) -> Any:
        return collection().update(values)

    async def delete(values: Values, _user: str) -> Any:
        return collection().delete(values)

    routes: list[Route] = [
        ("GET", kind.path, read_all),
        ("POST", kind.item_path if kind.create_at_item else kind.path, create),
        ("GET", kind.item_path, read),
        ("PUT", kind.item_path, update),
        ("DELETE", kind.item_path, delete),
    ]
    known = pve_schema.load().paths
    return [route for route in routes if route[0] in known[route[1]]]


class ClusterConfiguration(Cascades, GuestRules, FirewallRules, SdnApi, OptionsApi, SecondFactorApi):
    """Mixin of FakePve: its routes come before the answers that fakepve makes from the schema."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.realms: Realms = collection_of(kinds.REALMS, of=Realms)
        self.backup_jobs: BackupJobs = collection_of(kinds.BACKUP_JOBS, of=BackupJobs)
        self.replication_jobs: ReplicationJobs = collection_of(kinds.REPLICATION_JOBS, of=ReplicationJobs)
        self.replication_jobs.guest_of = self.guest
        self.ha_resources: HaResources = collection_of(kinds.HA_RESOURCES, of=HaResources)
        self.ha_rules: HaRules = collection_of(kinds.HA_RULES, of=HaRules)
        self.ha_resources.guest_of, self.ha_resources.rules = self.guest, self.ha_rules
        self.acme_plugins = collection_of(kinds.ACME_PLUGINS, of=AcmePlugins)
        self.cpu_models = collection_of(kinds.CPU_MODELS, of=CpuModels)
        self._prepare_notifications()
        self.realm_sync_jobs = collection_of(kinds.REALM_SYNC_JOBS, of=ScheduledJobs)
        self.collections: list[Collection] = [
            *(collection_of(kind, of=Mappings) for kind in kinds.MAPPINGS),
            *(collection_of(kind) for kind in (kinds.METRICS_SERVERS, kinds.DNS_SERVERS, kinds.FABRICS)),
            self.realm_sync_jobs,
            *(self.realms, self.backup_jobs, self.replication_jobs, self.ha_resources, self.ha_rules, self.ipams),
            *(self.acme_plugins, self.cpu_models, self.matchers),
            *self.notification_endpoints.values(),
        ]

    def _prepare_notifications(self) -> None:
        file = ConfigFile()
        self.notification_endpoints: dict[str, Endpoints] = {
            kind: collection_of(each, file, Webhooks if kind == "webhook" else Endpoints)
            for kind, each in kinds.ENDPOINTS.items()
        }
        self.matchers: Matchers = collection_of(kinds.MATCHERS, file, Matchers)
        self.notification_endpoints["sendmail"].items["mail-to-root"] = dict(BUILT_IN_ENDPOINT)
        self.matchers.items["default-matcher"] = dict(BUILT_IN_MATCHER)
        self.matchers.endpoints = list(self.notification_endpoints.values())
        for endpoints in self.matchers.endpoints:
            endpoints.others, endpoints.matchers = self.matchers.endpoints, self.matchers

    def _routes_collections(self) -> list[Route]:
        def of(index: int) -> Callable[[], Collection]:
            return lambda: self.collections[index]

        kinds_kept = [collection.kind for collection in self.collections]
        return [route for index, kind in enumerate(kinds_kept) for route in routes_of(kind, of(index))]

    def _routes_cluster_extras(self) -> list[Route]:
        async def targets(_values: Values, _user: str) -> Any:
            return targets_of(self.notification_endpoints)

        async def replication(values: Values, _user: str) -> Any:
            return self.replication_jobs.on_node(values["node"])

        async def acme_accounts(_values: Values, _user: str) -> Any:
            return []

        return [
            ("GET", "/cluster/acme/account", acme_accounts),
            ("GET", "/cluster/backup-info/not-backed-up", self._not_backed_up),
            ("GET", "/cluster/notifications/targets", targets),
            ("GET", "/nodes/{node}/replication", replication),
            ("GET", "/cluster/ha/groups", _migrated("index groups")),
            ("POST", "/cluster/ha/groups", _migrated("create group")),
            ("GET", "/cluster/ha/groups/{group}", _migrated("read group")),
            ("PUT", "/cluster/ha/groups/{group}", _migrated("update group")),
            ("DELETE", "/cluster/ha/groups/{group}", _migrated("delete group")),
        ]

    async def _not_backed_up(self, _values: Values, user: str) -> Any:
        saved: set[int] = set()
        for job in self.backup_jobs.items.values():
            if job.get("all"):
                excluded = {int(vmid) for vmid in split_list(job.get("exclude"))}
                saved |= {guest.vmid for guest in self.all_guests()} - excluded
            saved |= self.pools.get(job.get("pool", ""), set())
            saved |= {int(vmid) for vmid in split_list(job.get("vmid"))}
        return [
            {"vmid": guest.vmid, "type": guest.guest.partition("/")[0], "name": guest.name}
            for guest in self.all_guests()
            if guest.vmid not in saved and self.allowed(user, f"/vms/{guest.vmid}", "VM.Audit")
        ]


def _migrated(what: str) -> Callable[[Values, str], Awaitable[Any]]:
    async def refuse(_values: Values, _user: str) -> None:
        raise PveError(500, f"cannot {what}: ha groups have been migrated to rules")

    return refuse
