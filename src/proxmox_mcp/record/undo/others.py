"""What is undone in a way of its own: networks within SDN, replication, rules of HA, the hosts file, volumes, flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from proxmox_mcp.record.undo.model import NEW, Get, Inverse, InverseCall, Recipe, filled, is_on, none, rows
from proxmox_mcp.record.undo.objects import Deleted, Thing

if TYPE_CHECKING:
    from proxmox_mcp.record.undo.model import Case


def _subnet(shown: Any) -> Any:
    """``subnet`` is shown as the id (``zone-192.0.2.0-24``) and made as the network."""
    return {**shown, "subnet": shown.get("cidr", shown.get("subnet"))} if isinstance(shown, dict) else shown


SUBNET = Thing(
    what="the subnet",
    made="/cluster/sdn/vnets/{}/subnets",
    at="/cluster/sdn/vnets/{}/subnets/{}",
    shape=_subnet,
)


class SubnetCreated(Recipe, frozen=True):
    """A subnet's id is made of its zone and its network."""

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (Get(filled("/cluster/sdn/vnets/{}", *case.names)),)

    def inverse(self, case: Case) -> Inverse:
        vnet = case.before.get(self.wanted(case)[0])
        if not isinstance(vnet, dict) or not vnet.get("zone"):
            return none("the zone of the network was not read before")
        name = f"{vnet['zone']}-{str(case.data.get('subnet')).replace('/', '-')}"
        path = filled(SUBNET.at, *case.names, name)
        return Inverse("delete-created", (InverseCall("DELETE", path, {}, f"deletes the subnet {name}"),))


class AddressWritten(Recipe, frozen=True):
    """An address of a network in the IPAM: the same values make and delete it."""

    method: str

    def inverse(self, case: Case) -> Inverse:
        data = {name: case.data[name] for name in ("zone", "ip", "mac") if name in case.data}
        kind: Any = "delete-created" if self.method == "DELETE" else "create-again"
        why = f"{'deletes' if self.method == 'DELETE' else 'makes again'} the address {data.get('ip')}"
        return Inverse(kind, (InverseCall(self.method, case.path, data, why),))


class LockTaken(Recipe, frozen=True):
    """The lock of SDN, which only its token gives back."""

    def inverse(self, case: Case) -> Inverse:
        token = case.after.answer if case.after is not None else NEW
        why = "gives the lock back"
        return Inverse("reverse", (InverseCall("DELETE", "/cluster/sdn/lock", {"lock-token": token}, why),))


REPLICATION = Thing(
    what="the replication job",
    made="/cluster/replication",
    at="/cluster/replication/{}",
    named="id",
    remove={"force": 1},
    unsent=frozenset({"guest", "jobnum"}),
)


class ReplicationDeleted(Recipe, frozen=True):
    """DELETE only marks a job; until ``pvescheduler`` has removed it, ``delete=remove_job`` takes the mark away."""

    remade: ClassVar[bool] = True

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (REPLICATION.get(case.names),)

    def inverse(self, case: Case) -> Inverse:
        get = REPLICATION.get(case.names)
        after = case.after.state if case.after is not None else {}
        gone = is_on(case.data.get("force")) or (get in after and after[get] is None)
        if get in case.before and not gone:
            why = "takes back that the job is to be removed"
            return Inverse("create-again", (InverseCall("PUT", get.path, {"delete": ["remove_job"]}, why),))
        return Deleted(REPLICATION).inverse(case)


RULE = Thing(
    what="the HA rule",
    made="/cluster/ha/rules",
    at="/cluster/ha/rules/{}",
    named="rule",
    unsent=frozenset({"order"}),
)


class HaRuleDeleted(Recipe, frozen=True):
    """A rule that is made again is the last one: its order is lost where others follow it."""

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (RULE.get(case.names), Get("/cluster/ha/rules"))

    def inverse(self, case: Case) -> Inverse:
        made = Deleted(RULE).inverse(case)
        shown = RULE.shown(case.names, case.before) or {}
        orders = [int(row.get("order") or 0) for row in rows(case.before, Get("/cluster/ha/rules")) or ()]
        last = bool(orders) and int(shown.get("order") or 0) >= max(orders)
        return (
            made
            if last or not made.calls
            else Inverse(made.kind, made.calls, (*made.lost, "its place among the rules"))
        )


class HostsWritten(Recipe, frozen=True):
    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (Get(case.path),)

    def inverse(self, case: Case) -> Inverse:
        shown = case.before.get(Get(case.path))
        if not isinstance(shown, dict) or not isinstance(shown.get("data"), str):
            return none("the file was not read before")
        return Inverse("restore", (InverseCall("POST", case.path, {"data": shown["data"]}, "restores the file"),))


class FlagWritten(Recipe, frozen=True):
    """Flags of Ceph, all of them or one."""

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (Get(case.path),)

    def inverse(self, case: Case) -> Inverse:
        shown = case.before.get(Get(case.path))
        if shown is None:
            return none("the flags were not read before")
        if isinstance(shown, list):
            flags = {str(row.get("name")): int(is_on(row.get("value"))) for row in shown if isinstance(row, dict)}
            data = {name: flags[name] for name in case.data if name in flags}
        else:
            data = {"value": int(is_on(shown))}
        return Inverse("restore", (InverseCall("PUT", case.path, data, "restores the flags"),) if data else ())


class VolumeMade(Recipe, frozen=True):
    """A volume whose name Proxmox answers, or that is told by the call."""

    content: str = ""
    name: str = ""
    storage: str = ""

    def inverse(self, case: Case) -> Inverse:
        node, storage = (*case.names, str(case.data.get(self.storage, "")))[:2]
        if self.name:
            content = str(case.data.get("content") or self.content)
            volume = f"{storage}:{content}/{case.data.get(self.name)}"
        elif case.after is None:
            volume = NEW
        elif (
            isinstance(case.after.answer, str) and ":" in case.after.answer and not case.after.answer.startswith("UPID")
        ):
            volume = case.after.answer
        else:
            return none("Proxmox did not tell the name of the volume")
        path = filled("/nodes/{}/storage/{}/content/{}", node, storage, volume)
        return Inverse("delete-created", (InverseCall("DELETE", path, {}, f"deletes {volume}"),))


class BackupJobCreated(Recipe, frozen=True):
    """A job that was made without ``id`` is told by comparing the lists."""

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return () if case.data.get("id") else (Get("/cluster/backup"),)

    def inverse(self, case: Case) -> Inverse:
        name = str(case.data.get("id") or NEW)
        if name == NEW and case.after is not None:
            known = {str(row.get("id")) for row in rows(case.before, Get("/cluster/backup")) or ()}
            new = [str(row.get("id")) for row in rows(case.after.state, Get("/cluster/backup")) or ()]
            new = [each for each in new if each not in known]
            if len(new) != 1:
                return none("which job is new is unknown")
            name = new[0]
        path = filled("/cluster/backup/{}", name)
        return Inverse("delete-created", (InverseCall("DELETE", path, {}, f"deletes the backup job {name}"),))
