"""HA resources and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakepve import PveError
from fakepve.routing import param_error, split_list

from proxmox_mcp.demo.configuration.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.demo.configuration.collection import Values

_TYPES = {"FakeVm": "vm", "FakeCt": "ct"}


class HaResources(Collection):
    """Guests under HA by ``vm:100`` or ``ct:100``; ``guest_of`` finds a guest, whose ``ha_state`` follows.

    ``act`` is what HA does some time after a resource was given another state.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.guest_of: Callable[[int], Any] = lambda _vmid: None
        self.act: Callable[[Any, str], None] = lambda _guest, _state: None
        self.rules: HaRules | None = None

    def sid(self, given: str) -> str:
        """The identifier of a resource that is given as ``100`` or ``vm:100``."""
        kind, colon, vmid = str(given).rpartition(":")
        guest = self.guest_of(int(vmid))
        if not colon and guest is not None:
            kind = _TYPES[type(guest).__name__]
        return f"{kind or 'vm'}:{vmid}"

    def read(self, values: Values) -> Values:
        return super().read({**values, "sid": self.sid(values["sid"])})

    def create(self, values: Values) -> str | None:
        sid = self.sid(values["sid"])
        kind, _, vmid = sid.partition(":")
        guest = self.guest_of(int(vmid))
        if "group" in values:
            raise PveError(500, "invalid parameter 'group': ha groups have been migrated to rules")
        if guest is None or _TYPES[type(guest).__name__] != kind:
            raise PveError(500, f"resource '{sid}' does not exist in cluster")
        super().create({"state": "started", **values, "sid": sid, "type": kind})
        self._follow(sid)
        return None

    def update(self, values: Values) -> str | None:
        if "group" in values:
            raise PveError(500, "invalid parameter 'group': ha groups have been migrated to rules")
        sid = self.sid(values["sid"])
        super().update({**values, "sid": sid})
        self._follow(sid)
        if "state" in values:
            self.act(self.guest_of(int(sid.partition(":")[2])), self.items[sid]["state"])
        return None

    def delete(self, values: Values) -> str | None:
        sid = self.sid(values["sid"])
        super().delete({**values, "sid": sid})
        self._follow(sid)
        if self.rules is not None:
            self.rules.leave(sid)
        return None

    def _follow(self, sid: str) -> None:
        guest = self.guest_of(int(sid.partition(":")[2]))
        if guest is not None:
            state = self.items.get(sid, {"state": None}).get("state", "started")
            guest.ha_state = None if state == "ignored" else state


class HaRules(Collection):
    """Rules of node and resource affinity, in order."""

    def prepared(self, values: Values) -> Values:
        return _sorted(values)

    def update(self, values: Values) -> str | None:
        known = self.items.get(values["rule"])
        if "type" not in values:
            unknown = "property is not defined in schema and the schema does not allow additional properties"
            refused = dict.fromkeys(values.keys() - {"rule", "delete", "digest"}, unknown)
            raise param_error(**refused, type="property is missing and it is not optional")
        if known and values["type"] != known["type"]:
            raise PveError(500, f"{self.kind.update_failed}unexpected property 'type'")
        return super().update(values)

    def changed(self, _name: str, item: Values, _values: Values) -> Values:
        return _sorted(item)

    def shown(self, name: str, item: Values) -> Values:
        answer = {**item, "order": list(self.items).index(name) + 1}
        if item["type"] == "resource-affinity" and len(split_list(item["resources"])) < 2:
            answer["errors"] = {"resources": ["rule is ineffective as there are less than two resources"]}
        return answer

    def leave(self, sid: str) -> None:
        """Take a resource out of all rules; a rule without any goes."""
        for name, rule in list(self.items.items()):
            left = [each for each in split_list(rule["resources"]) if each != sid]
            if left:
                rule["resources"] = ",".join(left)
            else:
                del self.items[name]


def _sorted(item: Values) -> Values:
    return {**item, "resources": ",".join(sorted(split_list(item["resources"])))}
