"""Which recipe undoes which endpoint."""

# Tested through tests/record/test_undo_recorded.py and tests/gateway/test_undo_whole_cluster.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.reviews import alternatives, call_key
from proxmox_mcp.record.undo.access import AccessControl, WithDefaultRealm
from proxmox_mcp.record.undo.actions import (
    AgentAction,
    ManyMigrated,
    ManyPowered,
    Opposite,
    PowerChanged,
    ServiceChanged,
)
from proxmox_mcp.record.undo.firewall import (
    NamedDeleted,
    NamedList,
    Replaced,
    RuleCreated,
    RuleDeleted,
    RuleUpdated,
)
from proxmox_mcp.record.undo.guests import Config, DiskMoved, GuestMade, Migrated, SnapshotMade, Unlinked
from proxmox_mcp.record.undo.objects import Created, Deleted, Thing, Updated
from proxmox_mcp.record.undo.others import (
    REPLICATION,
    RULE,
    SUBNET,
    AddressWritten,
    BackupJobCreated,
    FlagWritten,
    HaRuleDeleted,
    HostsWritten,
    LockTaken,
    ReplicationDeleted,
    SubnetCreated,
    VolumeMade,
)
from proxmox_mcp.record.undo.pools import PoolCreated, PoolDeleted, PoolUpdated
from proxmox_mcp.record.undo.things import REALM, THINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxmox_mcp.record.undo.model import Recipe

_RUNNING, _STOPPED, _PAUSED = frozenset({"running"}), frozenset({"stopped"}), frozenset({"paused", "suspended"})


def _of_thing(thing: Thing) -> Iterator[tuple[str, Recipe]]:
    if thing.made:
        yield call_key("POST", thing.made), Created(thing)
        yield call_key("DELETE", thing.at), Deleted(thing)
    yield call_key("PUT", thing.at), Updated(thing)


def _of_things() -> Iterator[tuple[str, Recipe]]:
    for thing in (*THINGS, REPLICATION, RULE, SUBNET):
        yield from _of_thing(thing)


def _of_firewalls() -> Iterator[tuple[str, Recipe]]:
    guests = "/nodes/{}/(qemu|lxc)/{}/firewall"
    everywhere = f"(/cluster/firewall|/nodes/{{}}/firewall|{guests}|/cluster/sdn/vnets/{{}}/firewall)/rules"
    for listed in (*alternatives(everywhere), "/cluster/firewall/groups/{}"):
        yield f"POST {listed}", RuleCreated(listed)
        yield f"PUT {listed}/{{}}", RuleUpdated(listed)
        yield f"DELETE {listed}/{{}}", RuleDeleted(listed)
    for base in alternatives(f"(/cluster/firewall|{guests})"):
        alias = Thing(what="the alias", made=f"{base}/aliases", at=f"{base}/aliases/{{}}", named="name")
        entry = Thing(what="the address", made=f"{base}/ipset/{{}}", at=f"{base}/ipset/{{}}/{{}}", named="cidr")
        for thing in (alias, entry):
            yield from _of_thing(thing)
            yield f"PUT {thing.at}", Replaced(thing.what, thing.at)
        yield f"POST {base}/ipset", NamedList("the set", f"{base}/ipset", "name")
        yield f"DELETE {base}/ipset/{{}}", NamedDeleted("the set", f"{base}/ipset", "name", members=True)
    groups = "/cluster/firewall/groups"
    yield f"POST {groups}", NamedList("the group", groups, "group")
    yield f"DELETE {groups}/{{}}", NamedDeleted("the group", groups, "group")


def _of_guests() -> Iterator[tuple[str, Recipe]]:
    for kind in ("qemu", "lxc"):
        one = f"/nodes/{{}}/{kind}/{{}}"
        yield f"PUT {one}/config", Config(kind)
        yield f"POST /nodes/{{}}/{kind}", GuestMade(kind)
        yield f"POST {one}/clone", GuestMade(kind, "newid")
        yield f"POST {one}/snapshot", SnapshotMade(kind)
        yield f"POST {one}/migrate", Migrated(kind)
        for action, states, opposite in (
            ("start", _STOPPED, "shutdown"),
            ("stop", _RUNNING | _PAUSED, "start"),
            ("shutdown", _RUNNING, "start"),
            ("suspend", _RUNNING, "resume"),
            ("resume", _PAUSED, "suspend"),
        ):
            yield f"POST {one}/status/{action}", PowerChanged(kind, states, opposite)
    vm = "/nodes/{}/qemu/{}"
    yield f"POST {vm}/config", Config("qemu")
    yield f"PUT {vm}/unlink", Unlinked()
    yield f"POST {vm}/move_disk", DiskMoved("qemu", "disk")
    yield "POST /nodes/{}/lxc/{}/move_volume", DiskMoved("lxc", "volume")
    yield f"POST {vm}/agent/fsfreeze-freeze", AgentAction("agent/fsfreeze-thaw")
    yield f"POST {vm}/agent/fsfreeze-thaw", AgentAction("agent/fsfreeze-freeze")
    yield f"POST {vm}/agent/shutdown", PowerChanged("qemu", _RUNNING, "start")
    yield f"POST {vm}/agent/suspend-disk", PowerChanged("qemu", _RUNNING, "start")
    yield f"POST {vm}/agent/suspend-ram", PowerChanged("qemu", _RUNNING, "resume")
    bulk = "/cluster/bulk-action/guest"
    for path, opposite, was_running in (
        ("/nodes/{}/startall", "shutdown", False),
        ("/nodes/{}/stopall", "start", True),
        ("/nodes/{}/suspendall", "resume", True),
        (f"{bulk}/start", "shutdown", False),
        (f"{bulk}/shutdown", "start", True),
        (f"{bulk}/suspend", "resume", True),
    ):
        yield f"POST {path}", ManyPowered(opposite, was_running)
    yield "POST /nodes/{}/migrateall", ManyMigrated()
    yield f"POST {bulk}/migrate", ManyMigrated()


def _of_the_rest() -> Iterator[tuple[str, Recipe]]:
    yield "PUT /access/acl", AccessControl()
    yield f"POST {REALM.made}", WithDefaultRealm(Created(REALM))
    yield f"PUT {REALM.at}", WithDefaultRealm(Updated(REALM))
    yield "POST /pools", PoolCreated()
    for path in ("/pools", "/pools/{}"):
        yield f"PUT {path}", PoolUpdated()
        yield f"DELETE {path}", PoolDeleted()
    yield "POST /cluster/backup", BackupJobCreated()
    yield "DELETE /cluster/replication/{}", ReplicationDeleted()
    yield "DELETE /cluster/ha/rules/{}", HaRuleDeleted()
    yield "POST /cluster/ha/status/arm-ha", Opposite("disarm-ha")
    yield "POST /cluster/ha/status/disarm-ha", Opposite("arm-ha")
    yield "POST /cluster/sdn/vnets/{}/subnets", SubnetCreated()
    yield "POST /cluster/sdn/vnets/{}/ips", AddressWritten("DELETE")
    yield "DELETE /cluster/sdn/vnets/{}/ips", AddressWritten("POST")
    yield "POST /cluster/sdn/lock", LockTaken()
    yield "POST /nodes/{}/hosts", HostsWritten()
    yield "POST /nodes/{}/storage/{}/content", VolumeMade()
    yield "POST /nodes/{}/storage/{}/download-url", VolumeMade(name="filename")
    yield "POST /nodes/{}/aplinfo", VolumeMade(content="vztmpl", name="template", storage="storage")
    yield "PUT /cluster/ceph/flags", FlagWritten()
    yield "PUT /cluster/ceph/flags/{}", FlagWritten()
    yield "POST /nodes/{}/ceph/osd/{}/in", Opposite("out")
    yield "POST /nodes/{}/ceph/osd/{}/out", Opposite("in")
    yield "POST /nodes/{}/services/{}/start", ServiceChanged("stop", was_running=False)
    yield "POST /nodes/{}/services/{}/stop", ServiceChanged("start", was_running=True)


RECIPES: Mapping[str, Recipe] = dict([*_of_things(), *_of_firewalls(), *_of_guests(), *_of_the_rest()])
"""By ``call_key``; a later one takes the place of an earlier one."""
