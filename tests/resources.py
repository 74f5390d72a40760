"""An answer of ``/cluster/resources`` of any size, the same at every run."""

from __future__ import annotations

import random
from typing import Any

_NAMES = ("web", "db", "mail", "vpn", "dns", "wiki", "ci", "nas", "proxy", "queue", "cache", "git")
_TAGS = ("", "", "prod", "lab;web", "backup;db;prod", "customer-b")
_SIZES = (2, 4, 8, 16, 32, 64)
GIB = 2**30


def resources(guests: int, nodes: int = 3) -> list[dict[str, Any]]:
    """Nodes, guests of both kinds, and four storages a node, two of them shared."""
    chance = random.Random(guests)
    found: list[dict[str, Any]] = [_node(number, chance) for number in range(1, nodes + 1)]
    found += [_guest(number, chance.randrange(1, nodes + 1), chance) for number in range(guests)]
    for number in range(1, nodes + 1):
        found += [
            _storage(number, "local", "dir", "iso,vztmpl,backup", 94, 31 + number, shared=0),
            _storage(number, "local-lvm", "lvmthin", "images,rootdir", 800, 200 * number, shared=0),
            _storage(number, "ceph", "rbd", "images,rootdir", 4000, 1250, shared=1),
            _storage(number, "nas", "nfs", "backup,iso", 10_000, 8700, shared=1),
        ]
    return found


def _node(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "id": f"node/pve{number}",
        "type": "node",
        "node": f"pve{number}",
        "status": "online",
        "cpu": chance.random(),
        "maxcpu": 32,
        "mem": chance.randrange(20, 120) * GIB,
        "maxmem": 128 * GIB,
        "disk": 40 * GIB,
        "maxdisk": 94 * GIB,
        "uptime": chance.randrange(10**5, 10**7),
        "level": "",
    }


def _guest(number: int, node: int, chance: random.Random) -> dict[str, Any]:
    kind = chance.choice(("qemu", "qemu", "lxc"))
    running = chance.random() < 0.8
    memory, disk = chance.choice(_SIZES) * GIB, 4 * chance.choice(_SIZES) * GIB
    guest: dict[str, Any] = {
        "id": f"{kind}/{100 + number}",
        "vmid": 100 + number,
        "type": kind,
        "node": f"pve{node}",
        "name": f"{chance.choice(_NAMES)}-{number:02}",
        "status": "running" if running else "stopped",
        "cpu": chance.random() if running else 0,
        "maxcpu": chance.choice((1, 2, 4, 8)),
        "mem": int(memory * chance.random()) if running else 0,
        "maxmem": memory,
        "disk": int(disk * chance.random()) if kind == "lxc" else 0,
        "maxdisk": disk,
        "uptime": chance.randrange(60, 9 * 10**6) if running else 0,
        "netin": chance.randrange(10**10),
        "netout": chance.randrange(10**10),
        "diskread": chance.randrange(10**11),
        "diskwrite": chance.randrange(10**10),
        "template": 0,
    }
    if tags := chance.choice(_TAGS):
        guest["tags"] = tags
    if number % 9 == 0:
        guest["pool"] = "staging"
    if number % 17 == 0:
        guest["lock"] = "backup"
    if number % 11 == 0:
        guest["hastate"] = "started"
    if number % 25 == 24:
        guest |= {"template": 1, "status": "stopped", "uptime": 0, "cpu": 0, "mem": 0}
    return guest


def _storage(node: int, name: str, plugin: str, content: str, size: int, used: int, *, shared: int) -> dict[str, Any]:
    return {
        "id": f"storage/pve{node}/{name}",
        "type": "storage",
        "node": f"pve{node}",
        "storage": name,
        "status": "available",
        "plugintype": plugin,
        "content": content,
        "shared": shared,
        "disk": used * GIB,
        "maxdisk": size * GIB,
    }
