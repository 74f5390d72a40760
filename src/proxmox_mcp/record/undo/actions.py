"""Actions that are undone by the opposite action, where they changed anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.record.undo.model import Get, Inverse, InverseCall, Recipe, filled, is_on, listed, none, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.record.undo.model import Case

_GUESTS = Get("/cluster/resources", (("type", "vm"),))


class PowerChanged(Recipe, frozen=True):
    """Start, stop, suspend and resume of one guest. ``states`` are those in which the action does something."""

    kind: str
    states: frozenset[str]
    opposite: str

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (self._get(case),)

    def inverse(self, case: Case) -> Inverse:
        status = case.before.get(self._get(case))
        if not isinstance(status, dict):
            return none("the state of the guest was not read before")
        state = str(status.get("qmpstatus") or status.get("status"))
        if state not in self.states:
            return none(f"it was {state} before: nothing to undo")
        opposite = "start" if is_on(case.data.get("todisk")) else self.opposite
        path = filled(f"/nodes/{{}}/{self.kind}/{{}}/status/{opposite}", *case.names)
        return Inverse("reverse", (InverseCall("POST", path, {}, f"{opposite} of guest {case.names[1]}"),))

    def _get(self, case: Case) -> Get:
        return Get(filled(f"/nodes/{{}}/{self.kind}/{{}}/status/current", *case.names))


class AgentAction(Recipe, frozen=True):
    """What the guest agent is asked for that another command takes back."""

    opposite: str

    def inverse(self, case: Case) -> Inverse:
        path = filled(f"/nodes/{{}}/qemu/{{}}/{self.opposite}", *case.names)
        return Inverse("reverse", (InverseCall("POST", path, {}, self.opposite.rpartition("/")[2]),))


class ManyPowered(Recipe, frozen=True):
    """Bulk actions: the opposite for each guest that they changed, told by the guests' states before and case.after."""

    opposite: str
    was_running: bool

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (_GUESTS,)

    def inverse(self, case: Case) -> Inverse:
        guests = _hit(case)
        if guests is None:
            return none("the states of the guests were not read before")
        now = {str(row.get("vmid")): row for row in rows(case.after.state, _GUESTS) or ()} if case.after else {}
        calls = []
        for guest in guests:
            vmid = str(guest.get("vmid"))
            running = guest.get("status") == "running"
            changed = case.after is None or now.get(vmid, guest).get("status") != guest.get("status")
            if running is self.was_running and (changed or self.opposite == "resume"):
                path = filled(f"/nodes/{{}}/{guest['type']}/{{}}/status/{self.opposite}", str(guest["node"]), vmid)
                calls.append(InverseCall("POST", path, {}, f"{self.opposite} of guest {vmid}"))
        return Inverse("reverse", tuple(calls), reason="it changes no guest")


class ManyMigrated(Recipe, frozen=True):
    """Guests on another node go back, each by a call of its own and as it was moved: with its local disks too."""

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (_GUESTS,)

    def inverse(self, case: Case) -> Inverse:
        guests = _hit(case)
        if guests is None:
            return none("the guests were not read before")
        target = str(case.data.get("target"))
        option = "with-local-disks"
        local_disks = {option: case.data[option]} if option in case.data else {}
        calls = []
        for guest in guests:
            if guest.get("node") == target:
                continue
            vmid = str(guest["vmid"])
            is_vm = guest["type"] == "qemu"
            online = {"online" if is_vm else "restart": 1} if guest.get("status") == "running" else {}
            path = filled(f"/nodes/{{}}/{guest['type']}/{{}}/migrate", target, vmid)
            data = {"target": guest["node"], **online, **(local_disks if is_vm else {})}
            calls.append(InverseCall("POST", path, data, f"migrates {vmid} back to {guest['node']}"))
        return Inverse("reverse", tuple(calls), reason="it moves no guest")


def _hit(case: Case) -> list[dict[str, Any]] | None:
    """The guests that a bulk action is about: those it names, else all of its node."""
    guests = rows(case.before, _GUESTS)
    if guests is None:
        return None
    named = listed(case.data.get("vms"))
    node = case.names[0] if case.names else ""
    return [
        guest
        for guest in guests
        if (not node or guest.get("node") == node)
        and (not named or str(guest.get("vmid")) in named)
        and not is_on(guest.get("template", 0))
    ]


class Opposite(Recipe, frozen=True):
    """An action with a fixed opposite: another last segment of the same path."""

    opposite: str

    def inverse(self, case: Case) -> Inverse:
        path = f"{case.path.rpartition('/')[0]}/{self.opposite}"
        return Inverse("reverse", (InverseCall("POST", path, self._data(case), self.opposite),))

    def _data(self, case: Case) -> Mapping[str, Any]:
        return {}


class ServiceChanged(Recipe, frozen=True):
    """A system service: started where it was not running, stopped where it was."""

    opposite: str
    was_running: bool

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (self._get(case),)

    def inverse(self, case: Case) -> Inverse:
        state = case.before.get(self._get(case))
        if not isinstance(state, dict):
            return none("the state of the service was not read before")
        if (state.get("state") == "running") is not self.was_running:
            return none("nothing to undo: it was in this state before")
        node, service = case.names
        path = filled(f"/nodes/{{}}/services/{{}}/{self.opposite}", node, service)
        return Inverse("reverse", (InverseCall("POST", path, {}, f"{self.opposite} of {service}"),))

    def _get(self, case: Case) -> Get:
        return Get(filled("/nodes/{}/services/{}/state", *case.names))
