"""The endpoints of the SDN beyond those of plain collections."""

# Tested through tests/demo/configuration/test_sdn.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakepve.routing import StatefulRoutes

from proxmox_mcp.demo.configuration import kinds
from proxmox_mcp.demo.configuration.collection import Collection
from proxmox_mcp.demo.configuration.permissions import known_options
from proxmox_mcp.demo.configuration.sdn import Sdn, SdnObjects

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxmox_mcp.demo.configuration.collection import Kind

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
            missing: Values = {"POST": {"redistribute": []}, "PUT": {"redistribute": [], "delete": []}}.get(
                request.method, {}
            )
            params = {**missing, **params}
        return await super().answer(request, match, params, user, call)

    def _routes_sdn(self) -> list[Route]:
        ips = "/cluster/sdn/vnets/{vnet}/ips"
        return [
            *_object_routes(kinds.ZONES, lambda: self.sdn.zones),
            *_object_routes(kinds.VNETS, lambda: self.sdn.vnets),
            *_object_routes(kinds.CONTROLLERS, lambda: self.sdn.controllers),
            *_object_routes(kinds.SUBNETS, lambda: self.sdn.subnets),
            ("PUT", "/cluster/sdn", self._sdn_apply),
            ("POST", "/cluster/sdn/rollback", self._sdn_roll_back),
            ("POST", "/cluster/sdn/lock", _handler(lambda values: self.sdn.lock.take(values))),
            ("DELETE", "/cluster/sdn/lock", _handler(lambda values: self.sdn.lock.release(values))),
            ("POST", ips, _handler(lambda values: self.sdn.addresses.add(values))),
            ("PUT", ips, _handler(lambda values: self.sdn.addresses.update(values))),
            ("DELETE", ips, _handler(lambda values: self.sdn.addresses.remove(values))),
            ("GET", "/cluster/sdn/ipams/{ipam}/status", _handler(lambda v: self.sdn.addresses.of_ipam(v["ipam"]))),
        ]

    async def _sdn_apply(self, values: Values, user: str) -> Any:
        self.sdn.lock.check(values)
        self.sdn.apply()
        self._release(values)

        async def reload() -> None:
            return None

        return await self.task(min(self.nodes), "reloadnetworkall", "", user, reload)

    async def _sdn_roll_back(self, values: Values, _user: str) -> None:
        self.sdn.lock.check(values)
        self.sdn.roll_back()
        self._release(values)

    def _release(self, values: Values) -> None:
        if values.get("lock-token") and values.get("release-lock", 1):
            self.sdn.lock.release(values)


def _object_routes(kind: Kind, objects: Callable[[], SdnObjects]) -> list[Route]:
    return [
        ("GET", kind.path, _handler(lambda values: objects().listed(values))),
        ("POST", kind.path, _handler(lambda values: objects().create(values))),
        ("GET", kind.item_path, _handler(lambda values: objects().read(values))),
        ("PUT", kind.item_path, _handler(lambda values: objects().update(values))),
        ("DELETE", kind.item_path, _handler(lambda values: objects().delete(values))),
    ]


def _handler(function: Callable[[Values], Any]) -> Handler:
    async def handle(values: Values, _user: str) -> Any:
        return function(values)

    return handle
