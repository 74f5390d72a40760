"""What fakepve does otherwise than Proxmox with guests: pending values, options for root alone, ACLs, ZFS snapshots."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from fakepve import PveError, TaskError
from fakepve.routing import StatefulRoutes, ok, split_list
from fakepve.server import USER

from proxmox_mcp.demo.configuration.accounts import ROOT, Accounts
from proxmox_mcp.demo.configuration.permissions import parameters_of

if TYPE_CHECKING:
    from proxmox_mcp.demo.configuration.collection import Collection, Values

_ROOT_ONLY = frozenset({"affinity", "args", "hookscript", "lock", "spice_enhancements", "vmgenid"})
_MODELS = r"virtio|e1000|e1000-82540em|e1000-82544gc|e1000-82545em|e1000e|i82551|i82557b|i82559er|ne2k_isa|ne2k_pci"
_MODELS += r"|pcnet|rtl8139|vmxnet3"
_WITHOUT_MAC = re.compile(rf"(?:^|(?<=,))(?:model=)?({_MODELS})(?=,|$)")


class GuestRules(StatefulRoutes):  # type: ignore[misc]
    """Mixin of FakePve, before it in the order of classes."""

    accounts: Accounts
    ha_resources: Collection
    backup_jobs: Collection
    replication_jobs: Collection

    # Configuration: what is pending is shown, unless what is in force is asked for.

    async def _config_get(self, request: Any) -> Any:
        vm = self._vm(request, "VM.Audit")
        config: Values = dict(vm.config)
        snapshot = request.query.get("snapshot")
        if snapshot:
            if snapshot not in vm.snapshots:
                raise PveError(500, f"snapshot '{snapshot}' does not exist")
            config = dict(vm.snapshots[snapshot])
        elif request.query.get("current") not in ("1", "true"):
            config |= vm.pending
        config = {key: value for key, value in config.items() if value is not None}
        if "memory" in config:
            config["memory"] = str(config["memory"])
        return ok({**config, "digest": vm.digest()})

    async def _pending(self, request: Any) -> Any:
        vm = self._vm(request, "VM.Audit")
        entries: list[Values] = [{"key": "digest", "value": vm.digest()}]
        for key in sorted({*vm.config, *vm.pending}):
            entry: Values = {"key": key}
            if key in vm.config:
                entry["value"] = vm.config[key]
            if key in vm.pending:
                entry |= {"delete": 1} if vm.pending[key] is None else {"pending": vm.pending[key]}
            entries.append(entry)
        return ok(entries)

    async def _config_put(self, request: Any) -> Any:
        given = self._verify(request, await parameters_of(request))
        vm = self._vm(request)
        await self._apply_config(vm, request[USER], _options(given))
        return ok()

    async def _apply_config(self, vm: Any, user: str, values: Values) -> None:
        if user != ROOT:
            _refuse_what_root_sets(values)
        for key in split_list(values.pop("revert", None)):
            vm.pending.pop(key, None)
        given = {key: self._normal(key, value) for key, value in values.items()}
        await super()._apply_config(vm, user, given)
        for key in [key for key, value in vm.pending.items() if vm.config.get(key) == value]:
            del vm.pending[key]

    def _normal(self, key: str, value: Any) -> Any:
        """A value as Proxmox keeps it."""
        if key == "tags":
            return ";".join(sorted(set(re.split(r"[,;\s]+", str(value).lower())))) or " "
        if re.fullmatch(r"net\d+", key):
            return _WITHOUT_MAC.sub(lambda found: f"{found[1]}={_new_mac()}", str(value))
        return value

    # Deletion: what goes with a guest, a pool or a storage.

    async def _qm_destroy(self, values: Values, user: str) -> Any:
        return await self._destroying(values, await super()._qm_destroy(values, user))

    async def _destroying(self, values: Values, upid: str) -> str:
        if self.guest(int(values["vmid"])) is None:
            self._forget_guest(int(values["vmid"]), purge=bool(values.get("purge")))
        return upid

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

    # Snapshots: ZFS rolls back to the newest alone, since it would have to destroy those after it.

    async def _qm_rollback(self, values: Values, user: str) -> Any:
        vm = self.find(values["node"], values["vmid"])
        failed = await self._not_newest(vm, values["snapname"], "qmrollback", user)
        return failed or await super()._qm_rollback(values, user)

    async def _lxc_rollback(self, user: str, values: Values) -> Any:
        ct = self.guest(int(values["vmid"]))
        failed = ct and await self._not_newest(ct, values["snapname"], "vzrollback", user)
        return failed or await super()._lxc_rollback(user, values)

    async def _not_newest(self, guest: Any, name: str, kind: str, user: str) -> str | None:
        """The task that fails for a rollback that ZFS can't do; None where it can."""
        newest = max(guest.snapshots, key=lambda each: guest.snapshots[each].get("snaptime") or 0, default=name)
        newest = list(guest.snapshots)[-1] if guest.snapshots else newest
        volume = self._zfs_volume(guest)
        if name == newest or name not in guest.snapshots or volume is None:
            return None

        async def fail() -> None:
            raise TaskError(f"can't rollback, '{name}' is not most recent snapshot on '{volume}'")

        return str(await self.task(guest.node, kind, guest.vmid, user, fail))

    def _zfs_volume(self, guest: Any) -> str | None:
        for value in guest.config.values():
            storage, colon, volume = str(value).partition(",")[0].partition(":")
            if colon and self.storages.get(storage, {}).get("type") == "zfspool":
                return volume
        return None


def _options(values: Values) -> Values:
    return {key: value for key, value in values.items() if key not in ("node", "vmid")}


def _refuse_what_root_sets(values: Values) -> None:
    for key in [*values, *split_list(values.get("delete"))]:
        value, message = str(values.get(key, "")), ""
        if key in _ROOT_ONLY:
            message = f"only root can set '{key}' config"
        elif re.fullmatch(r"usb\d+", key) and "mapping=" not in value and not value.startswith("spice"):
            message = f"only root can set '{key}' config for real devices"
        elif re.fullmatch(r"hostpci\d+", key) and "mapping=" not in value:
            message = f"only root can set '{key}' config for non-mapped devices"
        if message and (key in values or key in _ROOT_ONLY):
            raise PveError(500, message)


def _new_mac() -> str:
    return "BC:24:11:" + ":".join(f"{byte:02X}" for byte in secrets.token_bytes(3))
