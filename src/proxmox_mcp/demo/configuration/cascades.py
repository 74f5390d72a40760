"""What goes with a guest, a pool or a storage that is deleted; and what a storage shows of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakepve import PveError
from fakepve.routing import StatefulRoutes, split_list

if TYPE_CHECKING:
    from proxmox_mcp.demo.configuration.accounts import Accounts
    from proxmox_mcp.demo.configuration.collection import Collection, Values

_ALWAYS_SHARED = frozenset({"cephfs", "cifs", "iscsi", "iscsidirect", "nfs", "pbs", "rbd", "zfs"})
_DESTROYING = frozenset({"qmdestroy", "vzdestroy"})


class Cascades(StatefulRoutes):  # type: ignore[misc]
    """Mixin of FakePve, before it in the order of classes."""

    accounts: Accounts
    ha_resources: Collection
    backup_jobs: Collection
    replication_jobs: Collection

    async def _qm_destroy(self, values: Values, user: str) -> Any:
        self._refuse_under_ha("VM", values)
        return await super()._qm_destroy(values, user)

    async def _lxc_destroy(self, user: str, values: Values) -> Any:
        self._refuse_under_ha("CT", values)
        return await super()._lxc_destroy(user, values)

    def _refuse_under_ha(self, kind: str, values: Values) -> None:
        """Refuse to destroy a guest of HA; note whether the rest of the configuration is to forget it."""
        vmid = int(values["vmid"])
        managed = any(f"{each}:{vmid}" in self.ha_resources.items for each in ("vm", "ct"))
        if managed and not values.get("purge"):
            message = f"unable to remove {kind} {vmid} - used in HA resources and purge parameter not set."
            raise PveError(500, message)
        self._purged = {vmid} if values.get("purge") else set()

    async def task(self, node: str, ttype: str, tid: Any, user: str, body: Any, **options: Any) -> str:
        """As fakepve's; a destroyed guest leaves ACLs, and where asked for HA and jobs."""
        purge = ttype in _DESTROYING and int(tid) in self._purged

        async def settled() -> Any:
            note = await body()
            if ttype in _DESTROYING:
                self._forget_guest(int(tid), purge=purge)
            elif ttype == "qmcreate" and self.vm(int(tid)) is not None:
                self.vm(int(tid)).config.setdefault("boot", " ")
            return note

        return str(await super().task(node, ttype, tid, user, settled, **options))

    def _forget_guest(self, vmid: int, *, purge: bool) -> None:
        self.accounts.acl.pop(f"/vms/{vmid}", None)
        if not purge:
            return
        for kind in ("vm", "ct"):
            if f"{kind}:{vmid}" in self.ha_resources.items:
                self.ha_resources.delete({"sid": f"{kind}:{vmid}"})
        for name in [name for name in self.replication_jobs.items if name.startswith(f"{vmid}-")]:
            del self.replication_jobs.items[name]
        for name, job in list(self.backup_jobs.items.items()):
            listed = split_list(job.get("vmid"))
            left = [each for each in listed if each != str(vmid)]
            if listed and not left:
                del self.backup_jobs.items[name]
            elif listed:
                job["vmid"] = ",".join(left)

    async def _pool_delete(self, values: Values, user: str) -> Any:
        answer = await super()._pool_delete(values, user)
        self.accounts.acl.pop(f"/pool/{values['poolid']}", None)
        return answer

    async def _sc_delete(self, values: Values, user: str) -> Any:
        answer = await super()._sc_delete(values, user)
        self.accounts.acl.pop(f"/storage/{values['storage']}", None)
        return answer

    async def _sc_create(self, values: Values, user: str) -> Any:
        if values["type"] == "esxi" and not values.get("password"):
            raise PveError(500, "create storage failed: missing password")
        return _with_config(await super()._sc_create(values, user))

    async def _sc_update(self, values: Values, user: str) -> Any:
        return _with_config(await super()._sc_update(values, user))

    @staticmethod
    def _options_of(store: Values) -> Values:
        hidden = ("active", "files", "volumes", "total", "avail", "other", "used")
        options = {key: value for key, value in store.items() if key not in hidden and value != ""}
        if not int(options.get("disable", 1)):
            del options["disable"]
        if store.get("type") in _ALWAYS_SHARED:
            options["shared"] = 1
        return options


def _with_config(answer: Values) -> Values:
    """What a backup server has Proxmox generate (an encryption key) would be in ``config``."""
    return {**answer, "config": {}} if answer.get("type") == "pbs" else answer
