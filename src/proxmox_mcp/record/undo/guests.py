"""Configurations of VMs and containers.

A disk that is taken out of the configuration stays as ``unusedN`` and can be put back; a disk that the call allocated
has to go again, or the guest would keep a volume it did not have. ``PVE::QemuServer::vmconfig_delete_or_detach_drive``
and ``PVE::LXC::Config::vmconfig_apply_pending`` do so; that ``force=1`` deletes what a VM's ``delete`` names, that a
container has no ``force``, and that taking a device away edits ``boot`` was seen in the recordings of 9.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from proxmox_mcp.policy.values import ALIASES, volume_of
from proxmox_mcp.record.secret_patterns import is_secret_name
from proxmox_mcp.record.undo.model import (
    NEW,
    Get,
    Inverse,
    InverseCall,
    Made,
    Recipe,
    filled,
    is_on,
    listed,
    none,
    once,
    rows,
    shows_secret,
)
from proxmox_mcp.record.undo.objects import CONTROLS, parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.record.undo.model import Case

_DISK = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate|unused|mp)\d+|rootfs")
_ALLOCATED = re.compile(r"[^/\s:]+:\d+(?:\.\d+)?")
_CLOUD_INIT = re.compile(r"[^/\s:]+:(?:vm-\d+-)?cloudinit")
_BOOTABLE = re.compile(r"(?:ide|sata|scsi|virtio|net|hostpci|usb)\d+")
_ABOUT_WRITING = CONTROLS | {"skiplock", "background_delay", "import-working-storage"}
_KEPT_BY_ROOT = {"vmgenid": "the old vmgenid", "template": "what it was before it became a template"}


class _Back(Struct):
    """What one undo collects, key by key."""

    values: dict[str, Any] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    forms: set[str] = field(default_factory=set)


class Config(Recipe, frozen=True):
    """PUT or POST of a guest's configuration."""

    kind: str

    def wanted(self, case: Case) -> tuple[Get, ...]:
        config = self._get(case)
        return (config, self._pending(case)) if case.data.get("revert") else (config,)

    def inverse(self, case: Case) -> Inverse:
        config = case.before.get(self._get(case))
        if not isinstance(config, dict):
            return none("the configuration was not read before")
        back = _Back()
        for name, value in case.data.items():
            if name not in _ABOUT_WRITING:
                self._set(ALIASES.get(name, name), value, config, back)
        for name in listed(case.data.get("delete")):
            self._deleted(ALIASES.get(name, name), case, config, back)
        if case.data.get("revert"):
            self._reverted(case, back)
        if any(_BOOTABLE.fullmatch(name) for name in listed(case.data.get("delete"))) and config.get("boot"):
            back.values.setdefault("boot", config["boot"])
        calls = self._calls(case, back, config)
        reason = f"{', '.join(back.lost)} can't be brought back" if back.lost else "it changes nothing"
        return Inverse("restore", calls, tuple(once(back.lost)), "" if calls else reason, frozenset(back.forms))

    def _set(self, name: str, value: object, config: Mapping[str, Any], back: _Back) -> None:
        old = config.get(name)
        if name in _KEPT_BY_ROOT:
            back.lost.append(_KEPT_BY_ROOT[name])
        elif is_secret_name(name) or shows_secret(old):
            back.lost.append(name)
        elif _DISK.fullmatch(name):
            self._disk(name, value, old, back)
        elif old is None:
            back.unset.append(name)
            back.forms.add("values")
        else:
            back.values[name] = old
            back.forms.add("values")

    def _disk(self, name: str, value: object, old: object, back: _Back) -> None:
        new_volume, old_volume = volume_of(name, value), volume_of(name, old)
        allocated = bool(_ALLOCATED.fullmatch(new_volume))
        if allocated:
            back.removed.append(name)
            back.forms.add("allocate")
        elif old is None:
            back.unset.append(name)
            back.forms.add("cloud-init" if _CLOUD_INIT.fullmatch(new_volume) else "attach")
        if old is not None:
            if name.startswith("unused"):
                back.lost.append(f"the place of {old_volume}")
                return
            back.values[name] = old
            back.forms.add("disk options" if new_volume == old_volume else "replace")

    def _deleted(self, name: str, case: Case, config: Mapping[str, Any], back: _Back) -> None:
        old = config.get(name)
        if old is None:
            return  # Proxmox takes the deletion of an unset key as done.
        if is_secret_name(name) or shows_secret(old) or name == "vmgenid":
            back.lost.append(_KEPT_BY_ROOT.get(name, name))
        elif _DISK.fullmatch(name) and (is_on(case.data.get("force")) or name.startswith("unused")):
            back.lost.append(f"the volume {volume_of(name, old)}")
        elif _DISK.fullmatch(name) and _CLOUD_INIT.fullmatch(volume_of(name, old).partition(",")[0]):
            storage = volume_of(name, old).partition(":")[0]
            back.values[name] = f"{storage}:cloudinit"
            back.forms.add("cloud-init")
        else:
            back.values[name] = old
            back.forms.add("detach" if _DISK.fullmatch(name) else "values")

    def _reverted(self, case: Case, back: _Back) -> None:
        pending = {str(row.get("key")): row for row in rows(case.before, self._pending(case)) or ()}
        for name in listed(case.data.get("revert")):
            row = pending.get(name, {})
            if shows_secret(row.get("pending")):
                back.lost.append(name)
            elif row.get("pending") is not None:
                back.values[name] = row["pending"]
            elif row.get("delete"):
                back.unset.append(name)
        back.forms.add("revert")

    def _calls(self, case: Case, back: _Back, config: Mapping[str, Any]) -> tuple[InverseCall, ...]:
        path = case.path
        taken = case.parameters("PUT", case.call.template)
        calls: list[InverseCall] = []
        if back.removed and "force" in taken:
            data: dict[str, Any] = {"delete": back.removed, "force": 1}
            calls.append(InverseCall("PUT", path, data, f"deletes the new {_and(back.removed)}"))
        elif back.removed:
            calls.append(InverseCall("PUT", path, {"delete": back.removed}, f"detaches the new {_and(back.removed)}"))
            known = case.after.state.get(self._get(case)) if case.after is not None else config
            unused = _next_unused(known if isinstance(known, dict) else config, len(back.removed))
            calls.append(InverseCall("PUT", path, {"delete": unused}, f"deletes the new {_and(unused)}"))
        data = {name: value for name, value in back.values.items() if parameter(taken, name) is not None}
        back.lost += [name for name in back.values if name not in data]
        if back.unset:
            data["delete"] = back.unset
            if "lock" in back.unset:
                data["skiplock"] = 1
        if data:
            calls.append(InverseCall("PUT", path, data, f"restores {_and([*back.values, *back.unset])}"))
        return tuple(calls)

    def _get(self, case: Case) -> Get:
        return Get(filled(f"/nodes/{{}}/{self.kind}/{{}}/config", *case.names))

    def _pending(self, case: Case) -> Get:
        return Get(filled(f"/nodes/{{}}/{self.kind}/{{}}/pending", *case.names))


def _next_unused(config: Mapping[str, Any], count: int) -> list[str]:
    """The names that volumes get which are taken out of the configuration next."""
    free = (f"unused{number}" for number in range(256) if f"unused{number}" not in config)
    return [name for name, _ in zip(free, range(count), strict=False)]


def _and(names: list[str]) -> str:
    return ", ".join(names)


class Unlinked(Recipe, frozen=True):
    """``PUT .../unlink``: volumes that were only detached come back."""

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (self._get(case),)

    def inverse(self, case: Case) -> Inverse:
        config = case.before.get(self._get(case))
        if not isinstance(config, dict):
            return none("the configuration was not read before")
        names = [name for name in listed(case.data.get("idlist")) if name in config]
        gone = [name for name in names if name.startswith("unused") or is_on(case.data.get("force"))]
        data = {name: config[name] for name in names if name not in gone}
        lost = tuple(f"the volume {volume_of(name, config[name])}" for name in gone)
        if not data:
            return none(f"{', '.join(lost)} can't be brought back" if lost else "it changes nothing")
        if config.get("boot"):
            data["boot"] = config["boot"]
        attached = InverseCall("PUT", self._get(case).path, data, f"attaches {_and(names)} again")
        return Inverse("restore", (attached,), lost, forms=frozenset({"detach"}))

    def _get(self, case: Case) -> Get:
        return Get(filled("/nodes/{}/qemu/{}/config", *case.names))


class GuestMade(Recipe, frozen=True):
    """POST of a new guest, from nothing, from a backup or as a clone: undone by DELETE."""

    kind: str
    number: str = "vmid"

    def created(self, case: Case) -> Made | None:
        node, vmid = self._where(case)
        config = f"/nodes/{{}}/{self.kind}/{{}}/config"
        return Made(Get(filled(config, node, vmid)), case.parameters("PUT", config)) if vmid != NEW else None

    def _where(self, case: Case) -> tuple[str, str]:
        return str(case.data.get("target") or case.names[0]), str(case.data.get(self.number) or NEW)

    def inverse(self, case: Case) -> Inverse:
        node, vmid = self._where(case)
        template = f"/nodes/{{}}/{self.kind}/{{}}"
        taken = case.parameters("DELETE", template)
        data = {name: 1 for name in ("purge", "destroy-unreferenced-disks") if name in taken}
        lost = (f"guest {vmid} as it was, which `force` overwrites",) if is_on(case.data.get("force")) else ()
        deleted = InverseCall("DELETE", filled(template, node, vmid), data, f"deletes the new guest {vmid}")
        return Inverse(
            "delete-created", (deleted,), lost, forms=frozenset({"restore"}) if self._restores(case) else frozenset()
        )

    def _restores(self, case: Case) -> bool:
        return bool(case.data.get("archive") or is_on(case.data.get("restore")))


class SnapshotMade(Recipe, frozen=True):
    """A snapshot is undone by deleting it."""

    kind: str

    def created(self, case: Case) -> Made | None:
        config = f"/nodes/{{}}/{self.kind}/{{}}/snapshot/{{}}/config"
        name = str(case.data.get("snapname"))
        return Made(Get(filled(config, *case.names, name)), case.parameters("PUT", config))

    def inverse(self, case: Case) -> Inverse:
        name = str(case.data.get("snapname"))
        path = filled(f"/nodes/{{}}/{self.kind}/{{}}/snapshot/{{}}", *case.names, name)
        return Inverse("delete-created", (InverseCall("DELETE", path, {}, f"deletes the snapshot {name}"),))


class DiskMoved(Recipe, frozen=True):
    """A disk on another storage, or in another guest."""

    kind: str
    disk: str

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (self._get(case),)

    def inverse(self, case: Case) -> Inverse:
        config, data = case.before.get(self._get(case)), case.data
        name = str(data.get(self.disk))
        if not isinstance(config, dict) or not config.get(name):
            return none("the configuration was not read before")
        node, vmid = case.names
        template = case.call.template
        if other := data.get("target-vmid"):
            there = str(data.get(f"target-{self.disk}") or name)
            back = {self.disk: there, "target-vmid": vmid, f"target-{self.disk}": name}
            return Inverse(
                "reverse",
                (InverseCall("POST", filled(template, node, str(other)), back, f"gives {name} back to {vmid}"),),
                forms=frozenset({"other guest"}),
            )
        storage = volume_of(name, config[name]).partition(":")[0]
        home = {self.disk: name, "storage": storage, "delete": 1}
        lost = () if is_on(data.get("delete")) else ("the copy that stays as an unused disk",)
        return Inverse("reverse", (InverseCall("POST", case.path, home, f"moves {name} back to {storage}"),), lost)

    def _get(self, case: Case) -> Get:
        return Get(filled(f"/nodes/{{}}/{self.kind}/{{}}/config", *case.names))


class Migrated(Recipe, frozen=True):
    """A guest on another node goes back. Disks that the call put on other storages stay there (``1`` keeps each)."""

    kind: str

    def inverse(self, case: Case) -> Inverse:
        node, vmid = case.names
        there = str(case.data.get("target"))
        kept = ("online", "restart", "with-local-disks", "timeout", "bwlimit")
        data = {"target": node} | {name: case.data[name] for name in kept if name in case.data}
        path = filled(f"/nodes/{{}}/{self.kind}/{{}}/migrate", there, vmid)
        storages = str(case.data.get("targetstorage") or case.data.get("target-storage") or "1")
        lost = () if storages == "1" else ("the storages of its disks",)
        return Inverse("reverse", (InverseCall("POST", path, data, f"migrates {vmid} back to {node}"),), lost)
