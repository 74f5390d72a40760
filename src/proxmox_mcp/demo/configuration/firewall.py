"""The firewall of a vnet, which fakepve lacks, and entries of IP sets as Proxmox keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakepve import PveError
from fakepve.firewall import empty_conf
from fakepve.routing import StatefulRoutes, param_error

from proxmox_mcp.demo.configuration.permissions import known_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxmox_mcp.demo.configuration.access import Route
    from proxmox_mcp.demo.configuration.collection import Values

_VNET = "vnet"
_BASE = "/cluster/sdn/vnets/{vnet}/firewall"


class FirewallRules(StatefulRoutes):  # type: ignore[misc]
    """Mixin of FakePve: a vnet is one more scope, its name in the place of the node's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._vnet_firewalls: dict[str, Values] = {}

    def firewall_config(self, scope: str, node: str | None = None, vmid: int | None = None) -> Values:
        if scope == _VNET:
            return self._vnet_firewalls.setdefault(str(node), empty_conf())
        config: Values = super().firewall_config(scope, node, vmid)
        return config

    def _option_names(self, scope: str) -> list[str]:
        if scope == _VNET:
            return sorted(known_options(f"{_BASE}/options") - {"vnet", "delete", "digest"})
        names: list[str] = super()._option_names(scope)
        return names

    def _check_rule(self, scope: str, rule: Values, conf: Values) -> Any:
        if scope == _VNET and rule.get("type") not in ("forward", "group"):
            raise param_error(type=f"rule type '{rule.get('type')}' is not allowed for vnets")
        return super()._check_rule("cluster" if scope == _VNET else scope, rule, conf)

    def _routes_vnet_firewall(self) -> list[Route]:
        rule = f"{_BASE}/rules/{{pos}}"
        return [
            ("GET", f"{_BASE}/options", self._in_vnet(self._fw_options_get)),
            ("PUT", f"{_BASE}/options", self._in_vnet(self._fw_options_put)),
            ("GET", f"{_BASE}/rules", self._in_vnet(self._fw_rules_get)),
            ("POST", f"{_BASE}/rules", self._in_vnet(self._fw_rule_create)),
            ("GET", rule, self._in_vnet(self._fw_rule_get)),
            ("PUT", rule, self._in_vnet(self._fw_rule_update)),
            ("DELETE", rule, self._in_vnet(self._fw_rule_delete)),
        ]

    @staticmethod
    def _in_vnet(function: Callable[[str, Values, str], Awaitable[Any]]) -> Callable[[Values, str], Awaitable[Any]]:
        async def call(values: Values, user: str) -> Any:
            return await function(_VNET, {**values, "node": values["vnet"]}, user)

        return call

    async def _fw_rules_get(self, scope: str, values: Values, user: str) -> Any:
        """As fakepve's; a rule that no longer holds (an alias was deleted) says so."""
        rules = await super()._fw_rules_get(scope, values, user)
        conf = self.firewall_config(scope, values.get("node"), values.get("vmid"))
        for rule in rules:
            try:
                self._check_rule(scope, dict(rule), conf)
            except PveError as error:
                rule["errors"] = error.errors
                rule.pop("ipversion", None)
        return rules

    async def _fw_ip_update(self, scope: str, values: Values, user: str) -> Any:
        given = {key: value for key, value in values.items() if key != "nomatch" or value}
        return await super()._fw_ip_update(scope, given, user)
