"""Many kinds of writes on the demo cluster, each undone, with the whole cluster compared before and after both."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from demo_api import Api
from gateway.conftest import gateway_to_demo
from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.reviews import call_key
from proxmox_mcp.gateway import Request
from whole_cluster import whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxmox_mcp.demo import DemoCluster
    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.record.changes import Change

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

STOPPED, RUNNING, CONTAINER, CT_STOPPED = (
    "/nodes/pve3/qemu/102",
    "/nodes/pve2/qemu/120",
    "/nodes/pve2/lxc/121",
    "/nodes/pve3/lxc/107",
)
Step = tuple[str, str, dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """A write, with the calls that set it up and that clean up afterwards. ``forms`` as in ``Inverse.forms``."""

    method: str
    path: str
    data: dict[str, Any] = field(default_factory=dict)
    setup: tuple[Step, ...] = ()
    cleanup: tuple[Step, ...] = ()
    partly: bool = False


USER: Step = ("POST", "/access/users", {"userid": "eve@pve", "comment": "c", "email": "e@example.org"})
NO_USER: Step = ("DELETE", "/access/users/eve@pve", {})
GROUP: Step = ("POST", "/access/groups", {"groupid": "ops", "comment": "g"})
NO_GROUP: Step = ("DELETE", "/access/groups/ops", {})
POOL: Step = ("POST", "/pools", {"poolid": "mine", "comment": "p"})
NO_POOL: Step = ("DELETE", "/pools", {"poolid": "mine"})
STORAGE: Step = ("POST", "/storage", {"storage": "extra", "type": "dir", "path": "/mnt/extra", "content": "iso"})
NO_STORAGE: Step = ("DELETE", "/storage/extra", {})
RULES: tuple[Step, ...] = tuple(
    ("POST", "/cluster/firewall/rules", {"type": "in", "action": "ACCEPT", "comment": name}) for name in "cba"
)
NO_RULES: tuple[Step, ...] = tuple(("DELETE", "/cluster/firewall/rules/0", {}) for _ in "abc")
SET: tuple[Step, ...] = (
    ("POST", "/cluster/firewall/ipset", {"name": "mgmt", "comment": "m"}),
    ("POST", "/cluster/firewall/ipset/mgmt", {"cidr": "192.0.2.0/24", "comment": "a"}),
    ("POST", "/cluster/firewall/ipset/mgmt", {"cidr": "192.0.2.7", "nomatch": 1}),
)
NO_SET: Step = ("DELETE", "/cluster/firewall/ipset/mgmt", {"force": 1})
JOB: Step = ("POST", "/cluster/backup", {"id": "bk9", "schedule": "daily", "storage": "nas", "vmid": "102"})
NO_JOB: Step = ("DELETE", "/cluster/backup/bk9", {})
ALIAS: Step = ("POST", "/cluster/firewall/aliases", {"name": "gw", "cidr": "192.0.2.1", "comment": "x"})
NO_ALIAS: Step = ("DELETE", "/cluster/firewall/aliases/gw", {})
ZONE: Step = ("POST", "/cluster/sdn/zones", {"zone": "zone9", "type": "simple"})
NO_ZONE: Step = ("DELETE", "/cluster/sdn/zones/zone9", {})
VNET: Step = ("POST", "/cluster/sdn/vnets", {"vnet": "vnet9", "zone": "zone9"})
NO_VNET: Step = ("DELETE", "/cluster/sdn/vnets/vnet9", {})
HA: Step = ("POST", "/cluster/ha/resources", {"sid": "vm:102", "state": "ignored", "comment": "h"})
NO_HA: Step = ("DELETE", "/cluster/ha/resources/vm:102", {})
ACL: Step = ("PUT", "/access/acl", {"path": "/vms/102", "roles": "PVEVMUser", "users": "eve@pve", "propagate": 0})

KINDS: dict[str, Kind] = {
    "user created": Kind("POST", "/access/users", {"userid": "eve@pve", "comment": "x"}),
    "user changed": Kind(
        "PUT", "/access/users/eve@pve", {"comment": "", "firstname": "E", "enable": 0}, (USER,), (NO_USER,),
    ),
    "user deleted with rights and groups": Kind(
        "DELETE", "/access/users/eve@pve", {},
        (GROUP, USER, ("PUT", "/access/users/eve@pve", {"groups": "ops"}), ACL), (NO_USER, NO_GROUP), partly=True,
    ),
    "group created": Kind("POST", "/access/groups", {"groupid": "ops"}),
    "group changed": Kind("PUT", "/access/groups/ops", {"comment": "other"}, (GROUP,), (NO_GROUP,)),
    "group deleted with members": Kind(
        "DELETE", "/access/groups/ops", {}, (GROUP, USER, ("PUT", "/access/users/eve@pve", {"groups": "ops"})),
        (NO_USER, NO_GROUP),
    ),
    "role created": Kind("POST", "/access/roles", {"roleid": "Mine", "privs": "VM.Audit"}),
    "role changed": Kind(
        "PUT", "/access/roles/Mine", {"privs": "VM.Console", "append": 1},
        (("POST", "/access/roles", {"roleid": "Mine", "privs": "VM.Audit"}),), (("DELETE", "/access/roles/Mine", {}),),
    ),
    "role deleted with rights": Kind(
        "DELETE", "/access/roles/Mine", {},
        (USER, ("POST", "/access/roles", {"roleid": "Mine", "privs": "VM.Audit"}),
         ("PUT", "/access/acl", {"path": "/vms", "roles": "Mine", "users": "eve@pve", "propagate": 0})),
        (("DELETE", "/access/roles/Mine", {}), NO_USER),
    ),
    "right granted": Kind(
        "PUT", "/access/acl", {"path": "/vms/102", "roles": "PVEVMUser", "users": "eve@pve"}, (USER,), (NO_USER,),
    ),
    "right taken": Kind(
        "PUT", "/access/acl", {"path": "/vms/102", "roles": "PVEVMUser", "users": "eve@pve", "delete": 1},
        (USER, ACL), (NO_USER,),
    ),
    "token created": Kind("POST", "/access/users/eve@pve/token/ci", {"comment": "x"}, (USER,), (NO_USER,)),
    "token changed": Kind(
        "PUT", "/access/users/eve@pve/token/ci", {"comment": "y", "privsep": 0, "expire": 1_900_000_000},
        (USER, ("POST", "/access/users/eve@pve/token/ci", {"comment": "x"})), (NO_USER,),
    ),
    "pool created": Kind("POST", "/pools", {"poolid": "mine"}),
    "pool members added": Kind(
        "PUT", "/pools", {"poolid": "mine", "vms": "102", "storage": "nas", "allow-move": 1}, (POOL,), (NO_POOL,),
    ),
    "pool comment": Kind("PUT", "/pools", {"poolid": "mine", "comment": "other"}, (POOL,), (NO_POOL,)),
    "pool deleted": Kind("DELETE", "/pools", {"poolid": "mine"}, (POOL,), (NO_POOL,)),
    "storage created": Kind(
        "POST", "/storage", {"storage": "extra", "type": "dir", "path": "/mnt/extra", "content": "iso"},
    ),
    "storage changed": Kind("PUT", "/storage/extra", {"content": "iso,backup", "shared": 1}, (STORAGE,), (NO_STORAGE,)),
    "storage deleted with its pool": Kind(
        "DELETE", "/storage/extra", {}, (STORAGE, POOL, ("PUT", "/pools", {"poolid": "mine", "storage": "extra"})),
        (("PUT", "/pools", {"poolid": "mine", "storage": "extra", "delete": 1}), NO_POOL, NO_STORAGE),
    ),
    "options of the cluster": Kind("PUT", "/cluster/options", {"keyboard": "de", "email_from": "pve@example.org"}),
    "backup job created": Kind("POST", "/cluster/backup", {"schedule": "daily", "storage": "nas", "vmid": "102"}),
    "backup job changed": Kind(
        "PUT", "/cluster/backup/bk9", {"schedule": "sun 01:00", "comment": "x"}, (JOB,), (NO_JOB,),
    ),
    "backup job deleted": Kind("DELETE", "/cluster/backup/bk9", {}, (JOB,), (NO_JOB,)),
    "rule created": Kind("POST", "/cluster/firewall/rules", {"type": "in", "action": "DROP"}, RULES, NO_RULES),
    "rule changed": Kind(
        "PUT", "/cluster/firewall/rules/1", {"action": "DROP", "source": "192.0.2.0/24"}, RULES, NO_RULES,
    ),
    "rule moved down": Kind("PUT", "/cluster/firewall/rules/0", {"moveto": 3}, RULES, NO_RULES),
    "rule moved up": Kind("PUT", "/cluster/firewall/rules/2", {"moveto": 0}, RULES, NO_RULES),
    "rule deleted": Kind("DELETE", "/cluster/firewall/rules/1", {}, RULES, NO_RULES),
    "set deleted with its addresses": Kind("DELETE", "/cluster/firewall/ipset/mgmt", {"force": 1}, SET, (NO_SET,)),
    "set renamed": Kind("POST", "/cluster/firewall/ipset", {"name": "other", "rename": "mgmt"}, SET, (NO_SET,)),
    "address changed": Kind(
        "PUT", "/cluster/firewall/ipset/mgmt/192.0.2.7", {"nomatch": 0, "comment": "n"}, SET, (NO_SET,),
    ),
    "address added": Kind("POST", "/cluster/firewall/ipset/mgmt", {"cidr": "198.51.100.0/24"}, SET, (NO_SET,)),
    "alias changed and renamed": Kind(
        "PUT", "/cluster/firewall/aliases/gw", {"cidr": "192.0.2.2", "rename": "gw2"}, (ALIAS,), (NO_ALIAS,),
    ),
    "zone created": Kind("POST", "/cluster/sdn/zones", {"zone": "zone9", "type": "simple", "mtu": 1400}),
    "network created": Kind("POST", "/cluster/sdn/vnets", {"vnet": "vnet9", "zone": "zone9"}, (ZONE,), (NO_ZONE,)),
    "network changed": Kind("PUT", "/cluster/sdn/vnets/vnet9", {"alias": "office"}, (ZONE, VNET), (NO_VNET, NO_ZONE)),
    "network deleted": Kind("DELETE", "/cluster/sdn/vnets/vnet9", {}, (ZONE, VNET), (NO_VNET, NO_ZONE)),
    "HA resource created": Kind("POST", "/cluster/ha/resources", {"sid": "vm:102", "state": "ignored"}),
    "HA resource changed": Kind(
        "PUT", "/cluster/ha/resources/vm:102", {"max_restart": 3, "comment": "i"}, (HA,), (NO_HA,),
    ),
    "HA resource deleted": Kind("DELETE", "/cluster/ha/resources/vm:102", {}, (HA,), (NO_HA,)),
    "VM configured": Kind(
        "PUT", f"{STOPPED}/config", {"cores": 7, "description": "a\nb", "delete": "onboot", "net3": "virtio"},
    ),
    "running VM configured": Kind("PUT", f"{RUNNING}/config", {"cores": 7, "memory": 2048}),
    "container configured": Kind(
        "PUT", f"{CONTAINER}/config", {"memory": 2048, "tags": "x;y", "nameserver": "192.0.2.53"},
    ),
    "disk added to a VM": Kind("POST", f"{STOPPED}/config", {"scsi5": "local-lvm:4"}),
    "network card of a VM removed": Kind("PUT", f"{STOPPED}/config", {"delete": "net0"}),
    "snapshot of a VM": Kind("POST", f"{STOPPED}/snapshot", {"snapname": "before"}),
    "snapshot of a container": Kind("POST", f"{CT_STOPPED}/snapshot", {"snapname": "before"}),
    "note of a snapshot": Kind(
        "PUT", f"{STOPPED}/snapshot/before/config", {"description": "other"},
        (("POST", f"{STOPPED}/snapshot", {"snapname": "before", "description": "x"}),),
        (("DELETE", f"{STOPPED}/snapshot/before", {}),),
    ),
    "VM created": Kind(
        "POST", "/nodes/pve1/qemu", {"vmid": 9001, "name": "new", "memory": 512, "scsi0": "local-lvm:4"},
    ),
    "VM cloned": Kind("POST", f"{STOPPED}/clone", {"newid": 9002, "name": "copy", "full": 1}),
    "container cloned": Kind("POST", f"{CT_STOPPED}/clone", {"newid": 9003, "hostname": "copy", "full": 1}),
    "VM started": Kind("POST", f"{STOPPED}/status/start"),
    "VM stopped": Kind("POST", f"{RUNNING}/status/stop"),
    "VM shut down": Kind("POST", f"{RUNNING}/status/shutdown"),
    "container started": Kind("POST", f"{CT_STOPPED}/status/start"),
    "container stopped": Kind("POST", f"{CONTAINER}/status/stop"),
    "VM migrated": Kind("POST", f"{STOPPED}/migrate", {"target": "pve1"}),
    "firewall options of a guest": Kind("PUT", f"{STOPPED}/firewall/options", {"enable": 1, "policy_in": "ACCEPT"}),
    "mapping created": Kind("POST", "/cluster/mapping/dir", {"id": "share9", "map": ["node=pve1,path=/mnt/x"]}),
    "notification matcher created": Kind("POST", "/cluster/notifications/matchers", {"name": "m9", "mode": "any"}),
    "metrics server created": Kind(
        "POST", "/cluster/metrics/server/ms9", {"type": "graphite", "server": "192.0.2.60", "port": 2003, "disable": 1}
    ),
}  # fmt: skip


@pytest.fixture
async def gateway(demo: DemoCluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with gateway_to_demo(demo, tmp_path_factory.mktemp("gateway")) as made:
        yield made


SHOWN: dict[str, set[str]] = {}
"""What the kinds below have shown, by ``call_key``."""


@pytest.mark.parametrize("name", KINDS)
async def test_a_write_and_its_undo_leave_the_whole_cluster_as_it_was(
    name: str, gateway: Gateway, demo: DemoCluster
) -> None:
    kind, api = KINDS[name], Api(demo)
    await _all(gateway, kind.setup)
    before = whole(api)
    change = await _written(gateway, kind)
    assert change.inverse.reach == ("partly" if kind.partly else "whole"), change.says
    assert whole(api) != before, "it changed nothing"
    await gateway.undo(str(change.number), Request(path="/", wait=60))
    after = whole(api)
    differing = {key: (before.get(key), after.get(key)) for key in before.keys() | after.keys()}
    differing = {key: (one, other) for key, (one, other) in differing.items() if one != other}
    await _all(gateway, kind.cleanup)
    assert not differing, json.dumps(differing, indent=1, default=str)[:3000]
    SHOWN.setdefault(call_key(change.method, change.template), set()).update(change.inverse.forms)


def test_the_list_of_proven_inverses_has_what_the_demo_cluster_showed() -> None:
    """Run after all kinds; alone it has nothing to compare."""
    if len(SHOWN) < len({call_key(kind.method, kind.path) for kind in KINDS.values()}) // 2:
        pytest.skip("the kinds did not run before this test")
    path = data_directory() / "undo.txt"
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("demo ")]
    lines = [f"demo {key}{': ' if forms else ''}{', '.join(sorted(forms))}" for key, forms in sorted(SHOWN.items())]
    comments = [line for line in kept if line.startswith("#")]
    wanted = [*comments, *lines, *(line for line in kept if not line.startswith("#"))]
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text("\n".join(wanted) + "\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8").splitlines() == wanted


async def _written(gateway: Gateway, kind: Kind) -> Change:
    await gateway.call(Request(path=kind.path, method=kind.method, data=kind.data, wait=60))
    assert gateway.changes is not None
    return gateway.changes.listed(most=1)[0]


async def _all(gateway: Gateway, steps: tuple[Step, ...]) -> None:
    for method, path, data in steps:
        await gateway.call(Request(path=path, method=method, data=data, wait=60))
