"""Zones, vnets, subnets and controllers: what is configured, what runs, and what is pending between the two."""

from __future__ import annotations

import copy
import ipaddress
import uuid
from typing import TYPE_CHECKING, Any

from fakepve import PveError

from proxmox_mcp.demo.configuration import kinds
from proxmox_mcp.demo.configuration.collection import Collection, ConfigFile
from proxmox_mcp.demo.configuration.permissions import known_options

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection as Container

    from proxmox_mcp.demo.configuration.collection import Kind, Values

_LOCKED = "invalid lock token provided! at /usr/share/perl5/PVE/Network/SDN.pm line 291."


class SdnLock:
    """Who holds the lock may write with its token, nobody else."""

    def __init__(self) -> None:
        self.token = ""

    def take(self, _values: Values) -> str:
        if self.token:
            raise PveError(500, f"could not acquire lock for SDN config: {_LOCKED}")
        self.token = str(uuid.uuid4())
        return self.token

    def release(self, values: Values) -> None:
        if self.token and not values.get("force") and values.get("lock-token") != self.token:
            raise PveError(500, _LOCKED)
        self.token = ""

    def check(self, values: Values, failed: str = "") -> None:
        if values.get("lock-token", "") != self.token:
            raise PveError(500, failed + _LOCKED)


class SdnObjects(Collection):
    """Objects that take effect when they are applied; ``running`` is what was applied last."""

    identifying: tuple[str, ...] = ("type",)

    def __init__(self, kind: Kind, file: ConfigFile | None, options: Container[str], lock: SdnLock) -> None:
        super().__init__(kind, file, options)
        self.running: dict[str, Values] = {}
        self._lock = lock
        self.in_use: Callable[[str], str] = lambda _name: ""

    def create(self, values: Values) -> str | None:
        self._lock.check(values, self.kind.create_failed)
        return super().create(values)

    def update(self, values: Values) -> str | None:
        self._lock.check(values, self.kind.update_failed)
        return super().update(values)

    def delete(self, values: Values) -> str | None:
        self._lock.check(values, self.kind.delete_failed)
        return super().delete(values)

    def removed(self, name: str, _item: Values) -> None:
        user = self.in_use(name)
        if user:
            raise PveError(500, self.kind.delete_failed + user)

    def apply(self) -> None:
        self.running = copy.deepcopy(self.items)

    def roll_back(self) -> None:
        self.items.clear()
        self.items |= copy.deepcopy(self.running)

    # What GET shows with ``running`` or ``pending``.

    def read(self, values: Values) -> Values:
        name = str(values[self.kind.key])
        answer = self._state_of(name, values)
        if answer is None:
            raise self._missing(self.kind.unknown.format(id=name))
        return answer

    def listed(self, values: Values) -> list[Values]:
        answers = [self._state_of(name, values) for name in {**self.running, **self.items}]
        return [answer for answer in answers if answer is not None]

    def _state_of(self, name: str, values: Values) -> Values | None:
        configured, running = self.items.get(name), self.running.get(name)
        if values.get("running"):
            return None if running is None else self._answer(name, running, None)
        if values.get("pending"):
            return self._pending(name, configured, running)
        return None if configured is None else self._answer(name, configured, self.file.digest())

    def _pending(self, name: str, configured: Values | None, running: Values | None) -> Values | None:
        if configured is None:
            return None if running is None else {**self._answer(name, running, None), "state": "deleted", "pending": {}}
        if configured == running:
            return self._answer(name, running, None)
        if running is None:
            fixed = {key: value for key, value in configured.items() if key in self.identifying}
            changes = {key: value for key, value in configured.items() if key not in self.identifying}
            return {**self._answer(name, fixed, None), "state": "new", "pending": changes}
        changes = {key: value for key, value in configured.items() if running.get(key) != value}
        changes |= {key: "deleted" for key in running if key not in configured}
        return {**self._answer(name, running, None), "state": "changed", "pending": changes}

    def _answer(self, name: str, item: Values, digest: str | None) -> Values:
        return {**self.shown(name, item), self.kind.shown_key: name, "digest": digest}


class Vnets(SdnObjects):
    """Vnets belong to a zone that exists."""

    zones: SdnObjects

    def prepared(self, values: Values) -> Values:
        if values["zone"] not in self.zones.items:
            message = f"create sdn vnet object failed: zone {values['zone']} don't exist"
            raise PveError(500, message)
        return {"type": "vnet", **values}


class Subnets(SdnObjects):
    """Subnets by ``zone-network-mask``; each belongs to a vnet."""

    identifying = ("type", "vnet")
    vnets: Vnets

    def name_of(self, vnet: str, cidr: str) -> str:
        """The identifier of a subnet that is given by its CIDR."""
        if vnet not in self.vnets.items:
            raise PveError(500, f"sdn '{vnet}' does not exist")
        return f"{self.vnets.items[vnet]['zone']}-{cidr.replace('/', '-')}"

    def create(self, values: Values) -> str | None:
        return super().create({**values, "subnet": self.name_of(values["vnet"], values["subnet"])})

    def shown(self, name: str, item: Values) -> Values:
        zone, network, mask = name.rsplit("-", 2)
        ranges = [dict(part.split("=", 1) for part in each.split(",")) for each in item.get("dhcp-range", [])]
        derived = {"id": name, "zone": zone, "network": network, "mask": mask, "cidr": f"{network}/{mask}"}
        return {**item, **derived, "dhcp-range": ranges}

    def listed(self, values: Values) -> list[Values]:
        """The subnets of a vnet; without one, of all."""
        return [subnet for subnet in super().listed(values) if subnet["vnet"] == values.get("vnet", subnet["vnet"])]


class Addresses:
    """The addresses that an IPAM gave out: the gateways of subnets, and what was mapped."""

    def __init__(self, zones: SdnObjects, subnets: Subnets) -> None:
        self._zones, self._subnets = zones, subnets
        self._mapped: list[Values] = []

    def add(self, values: Values) -> None:
        ip, zone = values["ip"], values["zone"]
        if any((each["ip"], each["zone"]) == (ip, zone) for each in self.all()):
            raise PveError(500, f"IP '{ip}' already exist")
        subnet = self._subnet_of(zone, ip)
        entry = {"zone": zone, "vnet": values["vnet"], "subnet": subnet, "ip": ip, "mac": values.get("mac")}
        self._mapped.append({**entry, **({"vmid": values["vmid"]} if values.get("vmid") else {})})

    def update(self, values: Values) -> None:
        self._mapped = [each for each in self._mapped if each["mac"] != values.get("mac")]
        self.add(values)

    def remove(self, values: Values) -> None:
        gone = (values["ip"], values["zone"])
        self._mapped = [each for each in self._mapped if (each["ip"], each["zone"]) != gone]

    def all(self) -> list[Values]:
        gateways = [
            {"zone": each["zone"], "vnet": each["vnet"], "subnet": each["cidr"], "ip": each["gateway"], "gateway": 1}
            for each in self._subnets.listed({})
            if each.get("gateway")
        ]
        return gateways + self._mapped

    def of_ipam(self, ipam: str) -> list[Values]:
        return [each for each in self.all() if self._zones.items.get(each["zone"], {}).get("ipam", "pve") == ipam]

    def _subnet_of(self, zone: str, ip: str) -> str:
        for subnet in self._subnets.listed({}):
            if subnet["zone"] == zone and ipaddress.ip_address(ip) in ipaddress.ip_network(subnet["cidr"]):
                return str(subnet["cidr"])
        raise PveError(500, f"can't find any subnet for ip {ip}")


class Sdn:
    """All of the SDN that is applied and rolled back together."""

    def __init__(self) -> None:
        self.lock = SdnLock()
        self.zones: SdnObjects = self._objects(kinds.ZONES, SdnObjects)
        self.vnets: Vnets = self._objects(kinds.VNETS, Vnets)
        self.controllers: SdnObjects = self._objects(kinds.CONTROLLERS, SdnObjects)
        self.subnets: Subnets = self._objects(kinds.SUBNETS, Subnets)
        self.vnets.zones, self.subnets.vnets = self.zones, self.vnets
        self.zones.in_use = self._vnet_in
        self.vnets.in_use = self._subnet_in
        self.addresses = Addresses(self.zones, self.subnets)
        self._all = (self.zones, self.vnets, self.controllers, self.subnets)

    def _objects(self, kind: Kind, of: type[SdnObjects]) -> Any:
        return of(kind, None, known_options(kind.item_path), self.lock)

    def _vnet_in(self, zone: str) -> str:
        users = [vnet for vnet, item in self.vnets.items.items() if item["zone"] == zone]
        place = "at /usr/share/perl5/PVE/Network/SDN/Zones/Plugin.pm line 149."
        return f"zone {zone} is used by vnet {users[0]} {place}" if users else ""

    def _subnet_in(self, vnet: str) -> str:
        used = any(item["vnet"] == vnet for item in self.subnets.items.values())
        return "Can't delete vnet if subnets exists" if used else ""

    def apply(self) -> None:
        for objects in self._all:
            objects.apply()

    def roll_back(self) -> None:
        for objects in self._all:
            objects.roll_back()
