"""What fakepve does otherwise than Proxmox with guests: pending values, devices, options for root, ZFS snapshots."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fakepve import PveError, TaskError
from fakepve.model import HOTPLUG
from fakepve.qemu import DRIVE_KEY, is_cdrom, split_drive, with_mac
from fakepve.routing import StatefulRoutes, ok, param_error, split_list
from fakepve.server import USER

from proxmox_mcp.demo.configuration.accounts import ROOT
from proxmox_mcp.demo.configuration.permissions import joined_lists, known_options, parameters_of

if TYPE_CHECKING:
    from proxmox_mcp.demo.configuration.access import Route
    from proxmox_mcp.demo.configuration.collection import Values

_CONFIG = "/nodes/{node}/qemu/{vmid}/config"
_ROOT_ONLY = frozenset({"affinity", "args", "hookscript", "lock", "spice_enhancements", "vmgenid"})


class GuestRules(StatefulRoutes):  # type: ignore[misc]
    """Mixin of FakePve, before it in the order of classes."""

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

    def _verify(self, request: Any, values: Values, drop: tuple[str, ...] = ()) -> Values:
        """As fakepve's, with JSON lists joined as Proxmox does."""
        info = self.resolve(request, "/api2/json").methods[request.method]
        joined: Values = super()._verify(request, joined_lists(info, values), drop)
        return joined

    async def _config_put(self, request: Any) -> Any:
        given = self._verify(request, await parameters_of(request))
        await self._apply_config(self._vm(request), request[USER], _options(given))
        return ok()

    async def _apply_config(self, vm: Any, user: str, values: Values) -> None:
        """As fakepve's, with what Proxmox does to disks, network devices and the boot order besides."""
        if user != ROOT:
            _refuse_what_root_sets(values)
        _check_names(values)
        force, lock = values.pop("force", None), vm.lock
        if user == ROOT and values.pop("skiplock", None):
            vm.lock = None
        for key in split_list(values.pop("revert", None)):
            vm.pending.pop(key, None)
        before, made = dict(vm.config), list[str]()
        try:
            given = {key: self._normal(vm, key, value, made) for key, value in values.items()}
            await super()._apply_config(vm, user, given)
        except PveError:
            vm.lock = lock
            for volume in made:
                self._qm_free(volume)
            raise
        vm.lock = vm.config.get("lock", None if "lock" in before else vm.lock)
        for key, value in list(vm.pending.items()):
            if value is None and key in HOTPLUG:
                vm.config.pop(key, None)
            if (value is None and key in HOTPLUG) or str(vm.config.get(key)) == str(value):
                del vm.pending[key]
        self._settle_devices(vm, before, force=bool(force))

    def _normal(self, vm: Any, key: str, value: Any, made: list[str]) -> Any:
        """A value as Proxmox keeps it; adds the volumes that it allocated to ``made``."""
        if key == "tags":
            return ";".join(sorted(set(re.split(r"[,;\s]+", str(value).lower())))) or " "
        if re.fullmatch(r"net\d+", key):
            return with_mac(value)
        if DRIVE_KEY.match(key):
            storage, colon, _ = split_drive(value)[0].partition(":")
            if colon and "/" not in storage:
                self._store(storage)
            normal, volumes = self._qm_new_drive(vm.vmid, key, value, None)
            made.extend(volumes)
            return normal
        return value

    def _settle_devices(self, vm: Any, before: Values, *, force: bool) -> None:
        """Devices that went leave the boot order, their volumes become ``unusedN``; new CD drives are booted last."""
        order = [each for each in str(vm.config.get("boot", "")).removeprefix("order=").split(";") if each.strip()]
        for key in before.keys() - vm.config.keys():
            order = [each for each in order if each != key]
            volume, options = split_drive(before[key])
            if key.startswith("unused") or (DRIVE_KEY.match(key) and force):
                self._qm_free(volume)
            elif DRIVE_KEY.match(key) and not is_cdrom(volume, options):
                vm.config[_free_key(vm.config)] = volume
        used = {split_drive(value)[0] for key, value in vm.config.items() if DRIVE_KEY.match(key)}
        for key in [key for key, value in vm.config.items() if key.startswith("unused") and value in used]:
            del vm.config[key]
        order += [
            key
            for key in vm.config.keys() - before.keys()
            if DRIVE_KEY.match(key) and is_cdrom(*split_drive(vm.config[key])) and key not in order
        ]
        if str(before.get("boot", "")).startswith("order=") and vm.config.get("boot") == before["boot"]:
            vm.config["boot"] = f"order={';'.join(order)}" if order else " "

    def _routes_guest_rules(self) -> list[Route]:
        return [
            ("PUT", "/nodes/{node}/qemu/{vmid}/unlink", self._unlink),
            ("GET", "/nodes/{node}/qemu/{vmid}/feature", self._feature),
            ("GET", "/nodes/{node}/lxc/{vmid}/feature", self._feature),
        ]

    async def _feature(self, values: Values, _user: str) -> Values:
        """The storages that guests of the demo cluster are on can do all that is asked about."""
        return {"hasFeature": 1, "nodes": [values["node"]]}

    async def _unlink(self, values: Values, user: str) -> None:
        vm = self.find(values["node"], values["vmid"])
        await self._apply_config(vm, user, {"delete": values["idlist"], "force": values.get("force")})

    async def _lxc_pending(self, user: str, values: Values) -> Any:
        entries = await super()._lxc_pending(user, values)
        return [{"key": "digest", "value": self.guest(int(values["vmid"])).digest()}, *entries]

    async def _lxc_config_put(self, user: str, values: Values) -> Any:
        given = dict(values)
        if given.get("description"):
            given["description"] = given["description"].rstrip("\n") + "\n"
        if "tags" in given:
            given["tags"] = ";".join(sorted(set(re.split(r"[,;\s]+", given["tags"].lower()))))
        return await super()._lxc_config_put(user, given)

    async def _qm_snapshot_config_get(self, values: Values, user: str) -> Any:
        config = await super()._qm_snapshot_config_get(values, user)
        return {key: value for key, value in config.items() if key != "digest"}

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


def _check_names(values: Values) -> None:
    """Refuse what ``PVE::API2::Qemu`` refuses of a change before it looks at the values."""
    known, deleted = known_options(_CONFIG), split_list(values.get("delete"))
    if not deleted and not values.keys() - {"delete", "digest", "skiplock", "background_delay"}:
        raise PveError(500, "no options specified")
    for parameter in ("delete", "revert"):
        for key in split_list(values.get(parameter)):
            if key not in known and re.sub(r"\d+$", "[n]", key) not in known:
                raise param_error(**{parameter: f"unknown option '{key}'"})
    for key in deleted:
        if key in values:
            raise param_error(delete=f"you can't use '-{key}' and -delete {key}' at the same time")


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


def _free_key(config: Values) -> str:
    return next(f"unused{number}" for number in range(256) if f"unused{number}" not in config)
