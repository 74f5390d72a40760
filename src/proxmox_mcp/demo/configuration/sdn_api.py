"""The endpoints of the SDN beyond those of plain collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakepve.routing import StatefulRoutes

from proxmox_mcp.demo.configuration import kinds
from proxmox_mcp.demo.configuration.collection import Collection
from proxmox_mcp.demo.configuration.permissions import known_options
from proxmox_mcp.demo.configuration.sdn import Sdn, SdnObjects

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Values = dict[str, Any]
    Handler = Callable[[Values, str], Awaitable[Any]]
    Route = tuple[str, str, Handler]


class SdnApi(StatefulRoutes):  # type: ignore[misc]
    """Mixin of FakePve."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sdn = Sdn()
        self.ipams = Collection(kinds.IPAMS, options=known_options(kinds.IPAMS.item_path))
        self.ipams.items["pve"] = {"type": "pve"}

    async def answer(self, request: Any, match: Any, params: Any, user: Any, call: Any = None) -> Any:
        if match and match.template.startswith(kinds.FABRICS.path):
            # fakepve's schema is later than 9.2, where a fabric needs no redistribution.
            params = {"redistribute": [], **params} if request.method in ("POST", "PUT") else params
        return await super().answer(request, match, params, user, call)

    def _routes_sdn(self) -> list[Route]:
        sdn, ips = self.sdn, "/cluster/sdn/vnets/{vnet}/ips"
        return [
            *_object_routes(sdn.zones, sdn.zones.listed),
            *_object_routes(sdn.vnets, sdn.vnets.listed),
            *_object_routes(sdn.controllers, sdn.controllers.listed),
            *_object_routes(sdn.subnets, sdn.subnets.of_vnet),
            ("PUT", "/cluster/sdn", self._sdn_apply),
            ("POST", "/cluster/sdn/rollback", self._sdn_roll_back),
            ("POST", "/cluster/sdn/lock", _handler(sdn.lock.take)),
            ("DELETE", "/cluster/sdn/lock", _handler(sdn.lock.release)),
            ("POST", ips, _handler(sdn.addresses.add)),
            ("PUT", ips, _handler(sdn.addresses.update)),
            ("DELETE", ips, _handler(sdn.addresses.remove)),
            ("GET", "/cluster/sdn/ipams/{ipam}/status", _handler(lambda values: sdn.addresses.of_ipam(values["ipam"]))),
        ]

    async def _sdn_apply(self, values: Values, user: str) -> Any:
        self.sdn.lock.check(values)
        self.sdn.apply()
        self._release(values)

        async def reload() -> None:
            return None

        return await self.task(sorted(self.nodes)[0], "reloadnetworkall", "", user, reload)

    async def _sdn_roll_back(self, values: Values, _user: str) -> None:
        self.sdn.lock.check(values)
        self.sdn.roll_back()
        self._release(values)

    def _release(self, values: Values) -> None:
        if values.get("lock-token") and values.get("release-lock", 1):
            self.sdn.lock.release(values)


def _object_routes(objects: SdnObjects, listed: Callable[[Values], Any]) -> list[Route]:
    kind = objects.kind
    return [
        ("GET", kind.path, _handler(listed)),
        ("POST", kind.path, _handler(objects.create)),
        ("GET", kind.item_path, _handler(objects.read)),
        ("PUT", kind.item_path, _handler(objects.update)),
        ("DELETE", kind.item_path, _handler(objects.delete)),
    ]


def _handler(function: Callable[[Values], Any]) -> Handler:
    async def handle(values: Values, _user: str) -> Any:
        return function(values)

    return handle
