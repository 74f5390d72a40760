"""What the demo cluster holds: a small company's three nodes, as plain data.

Ages are in days before the start, so that the estate is the same at every start and never grows old.
"""

# Tested through tests/demo/test_cluster.py.

from __future__ import annotations

import random
from typing import Literal

from msgspec import Struct

GIB = 2**30
DAY = 86_400

CLUSTER = "workshop"
VERSION = "9.1.9"
RELEASE = "9.1"


class DemoNode(Struct, frozen=True):
    """``cpu`` is a fraction of ``cores``; memory and disk in GiB, uptime in days."""

    name: str
    cores: int
    cpu: float
    memory: int
    memory_used: float
    disk_used: float
    uptime: float


class DemoGuest(Struct, frozen=True):
    """Memory in MiB, disk in GiB. ``address`` is the last part of its address; 0: no guest agent (or DHCP)."""

    vmid: int
    name: str
    kind: Literal["qemu", "lxc"]
    node: str
    cores: int
    memory: int
    disk: int
    address: int
    tags: str = ""
    pool: str = ""
    storage: str = "local-lvm"
    running: bool = True
    template: bool = False
    onboot: bool = True
    description: str = ""
    start_error: str = ""
    lock: str = ""
    ha_state: str = ""
    pending_memory: int = 0
    snapshots: tuple[tuple[str, float], ...] = ()


class DemoStorage(Struct, frozen=True):
    """``size`` and ``other`` (what is used beside the volumes listed) in GiB."""

    name: str
    plugin: str
    content: str
    size: int
    other: int
    shared: bool = False
    options: tuple[tuple[str, str], ...] = ()


NODES = (
    DemoNode("pve1", 16, 0.31, 128, 71.4, 22.9, 61.2),
    DemoNode("pve2", 32, 0.12, 128, 40.2, 19.1, 43.7),
    DemoNode("pve3", 32, 0.22, 256, 63.8, 31.5, 12.4),
)

STORAGES = (
    DemoStorage("local", "dir", "iso,vztmpl,backup", 94, 14, options=(("path", "/var/lib/vz"),)),
    DemoStorage("local-lvm", "lvmthin", "images,rootdir", 1700, 420, options=(("vgname", "pve"), ("thinpool", "data"))),
    DemoStorage("ceph", "rbd", "images,rootdir", 8000, 2300, shared=True, options=(("pool", "rbd"),)),
    DemoStorage(
        "nas", "nfs", "backup,iso,vztmpl", 2200, 60, shared=True,
        options=(("server", "10.20.0.250"), ("export", "/volume1/pve"), ("path", "/mnt/pve/nas")),
    ),
)  # fmt: skip

GUESTS = (
    DemoGuest(100, "web-01", "qemu", "pve1", 4, 8192, 32, 11, "prod;web", "shop", "ceph", ha_state="started"),
    DemoGuest(101, "web-02", "qemu", "pve2", 4, 8192, 32, 12, "prod;web", "shop", "ceph", ha_state="started"),
    DemoGuest(
        102, "web-03", "qemu", "pve3", 4, 8192, 32, 13, "prod;web", "shop", "ceph", running=False,
        description="Third front end, started before sales.",
    ),
    DemoGuest(
        103, "db-01", "qemu", "pve1", 8, 32_768, 200, 21, "db;prod", "shop", "ceph", ha_state="started",
        snapshots=(("before-16-upgrade", 64.5), ("before-index", 3.2)),
    ),
    DemoGuest(104, "db-02", "qemu", "pve3", 8, 32_768, 200, 22, "db;prod", "shop", "ceph", pending_memory=49_152),
    DemoGuest(105, "queue-01", "qemu", "pve2", 2, 4096, 16, 23, "prod", "shop", "ceph"),
    DemoGuest(106, "cache-01", "lxc", "pve2", 2, 4096, 8, 24, "prod", "shop"),
    DemoGuest(107, "cache-02", "lxc", "pve3", 2, 4096, 8, 25, "prod", "shop", running=False, onboot=False),
    DemoGuest(108, "shop-admin", "qemu", "pve2", 2, 4096, 32, 26, "prod", "shop", pending_memory=6144),
    DemoGuest(110, "mail-01", "qemu", "pve1", 4, 8192, 120, 31, "mail;prod", "office"),
    DemoGuest(111, "mail-relay", "lxc", "pve2", 1, 1024, 8, 32, "mail;prod", "office"),
    DemoGuest(112, "dns-01", "lxc", "pve1", 1, 512, 4, 2, "infra;prod", "office"),
    DemoGuest(113, "dns-02", "lxc", "pve3", 1, 512, 4, 3, "infra;prod", "office"),
    DemoGuest(
        114, "vpn-01", "qemu", "pve2", 2, 2048, 16, 4, "infra;prod", "office", running=False,
        start_error="volume 'local-lvm:vm-114-disk-0' does not exist",
    ),
    DemoGuest(115, "vpn-02", "lxc", "pve3", 1, 1024, 8, 5, "infra;prod", "office"),
    DemoGuest(116, "proxy-01", "lxc", "pve1", 2, 2048, 8, 6, "infra;prod", "office", snapshots=(("clean", 210.0),)),
    DemoGuest(117, "auth-01", "qemu", "pve3", 2, 4096, 32, 7, "infra;prod", "office", onboot=False),
    DemoGuest(118, "mon-01", "qemu", "pve1", 4, 8192, 64, 41, "infra;prod", "office"),
    DemoGuest(119, "log-01", "qemu", "pve3", 4, 16_384, 400, 42, "infra;prod", "office", "ceph", lock="backup"),
    DemoGuest(
        120, "nas-01", "qemu", "pve2", 2, 8192, 100, 43, "infra;prod", "office",
        description="Scans and shared folders.\nAsk Lena before a restart.",
    ),
    DemoGuest(121, "print-01", "lxc", "pve2", 1, 512, 4, 44, "office", "office"),
    DemoGuest(122, "wiki-01", "lxc", "pve2", 2, 2048, 16, 51, "office;web", "office"),
    DemoGuest(123, "git-01", "qemu", "pve1", 4, 8192, 100, 52, "dev;prod", "staging", snapshots=(("pre-17.4", 41.0),)),
    DemoGuest(124, "chat-01", "lxc", "pve3", 2, 4096, 16, 53, "office;web", "office"),
    DemoGuest(125, "files-01", "lxc", "pve1", 2, 2048, 200, 54, "office", "office"),
    DemoGuest(126, "erp-01", "qemu", "pve3", 8, 16_384, 150, 55, "office;prod", "office", "ceph"),
    DemoGuest(130, "stage-web", "qemu", "pve2", 2, 4096, 32, 61, "staging;web", "staging", onboot=False),
    DemoGuest(131, "stage-db", "qemu", "pve2", 4, 8192, 64, 62, "db;staging", "staging", onboot=False),
    DemoGuest(132, "stage-queue", "lxc", "pve3", 1, 1024, 8, 63, "staging", "staging", running=False, onboot=False),
    DemoGuest(133, "k8s-01", "qemu", "pve1", 4, 8192, 64, 71, "dev", "staging", onboot=False),
    DemoGuest(134, "k8s-02", "qemu", "pve2", 4, 8192, 64, 72, "dev", "staging", onboot=False),
    DemoGuest(135, "k8s-03", "qemu", "pve3", 4, 8192, 64, 73, "dev", "staging", onboot=False),
    DemoGuest(136, "runner-01", "lxc", "pve3", 4, 4096, 32, 74, "ci;dev", "staging"),
    DemoGuest(137, "runner-02", "lxc", "pve3", 4, 4096, 32, 75, "ci;dev", "staging"),
    DemoGuest(140, "win-test", "qemu", "pve3", 4, 8192, 80, 0, "lab", running=False, onboot=False),
    DemoGuest(141, "old-crm", "qemu", "pve1", 2, 4096, 60, 0, "lab", running=False, onboot=False),
    DemoGuest(900, "ci-01", "qemu", "pve1", 2, 2048, 16, 0, "template", template=True, running=False, onboot=False),
    DemoGuest(901, "debian-13", "lxc", "pve2", 1, 512, 4, 0, "template", template=True, running=False, onboot=False),
)  # fmt: skip

FILES = (
    ("local", "iso/debian-13.2.0-amd64-netinst.iso", 0.7, 20),
    ("local", "vztmpl/debian-13-standard_13.1-2_amd64.tar.zst", 0.12, 20),
    ("nas", "iso/virtio-win-0.1.285.iso", 0.75, 190),
    ("nas", "iso/windows-server-2025.iso", 5.6, 300),
    ("nas", "iso/ubuntu-24.04.3-live-server-amd64.iso", 3.1, 90),
    ("nas", "vztmpl/alpine-3.22-default_20250617_amd64.tar.xz", 0.003, 75),
    ("nas", "vztmpl/ubuntu-24.04-standard_24.04-2_amd64.tar.zst", 0.13, 75),
)
"""Storage, volume, GiB, age in days."""

BACKUP_AGES = {"shop": (1, 2, 3, 4, 5, 6, 7), "office": (3, 10)}
"""The ages in days of the backups of the pools that a job saves; what is in neither has none."""

OLD_BACKUPS = {120: (24, 31)}
"""The same of guests whose job has not saved them lately."""

SERVICES = {
    "corosync": "Corosync Cluster Engine",
    "postfix": "Postfix Mail Transport Agent",
    "pve-cluster": "The Proxmox VE cluster filesystem",
    "pvedaemon": "PVE API Daemon",
    "pveproxy": "PVE API Proxy Server",
    "pvescheduler": "Proxmox VE scheduler",
    "pvestatd": "PVE Status Daemon",
    "sshd": "OpenBSD Secure Shell server",
}
FAILED_SERVICES = {"pve3": ("postfix",)}
CERTIFICATES = {"pve2": {"pveproxy-ssl.pem": 12}}
"""Certificates of nodes beside their own, by the days for which they are still good."""

FIREWALL = {
    103: (
        {"type": "in", "action": "ACCEPT", "proto": "tcp", "dport": "5432", "source": "10.20.0.0/24", "enable": 1},
        {"type": "in", "action": "ACCEPT", "macro": "SSH", "source": "10.20.0.7", "enable": 1},
    ),
    104: ({"type": "in", "action": "ACCEPT", "proto": "tcp", "dport": "5432", "enable": 1},),
}
"""The rules of guests whose firewall is on and drops the rest."""

JOBS = (
    {"id": "backup-shop", "type": "vzdump", "schedule": "02:00", "storage": "nas", "pool": "shop", "mode": "snapshot",
     "enabled": 1, "compress": "zstd", "prune-backups": "keep-daily=7"},
    {"id": "backup-office", "type": "vzdump", "schedule": "sun 04:00", "storage": "nas", "pool": "office",
     "mode": "snapshot", "enabled": 1, "compress": "zstd", "prune-backups": "keep-last=2"},
)  # fmt: skip

USERS = {
    "root@pam": {"email": "admin@workshop.example"},
    "lena@pve": {"firstname": "Lena", "comment": "Operations"},
    "anna@pve": {"firstname": "Anna", "comment": "Development"},
    "audit@pve": {"comment": "Monitoring"},
    "guest@pve": {"comment": "No privileges yet"},
}

ACL = (
    ("/", "lena@pve", "PVEAdmin"),
    ("/pool/staging", "anna@pve", "PVEVMUser"),
    ("/", "audit@pve", "PVEAuditor"),
)
"""Path, user, role."""

TOKENS = ("root@pam!mcp", "lena@pve!mcp", "anna@pve!mcp", "audit@pve!mcp", "guest@pve!mcp")
"""One for each user; the last may do nothing."""


class Usage(Struct, frozen=True):
    """What a running guest uses: ``cpu`` a fraction of its cores, sizes in bytes, ``uptime`` in seconds."""

    cpu: float
    mem: int
    disk: int
    uptime: int
    traffic: int


def usage(guest: DemoGuest) -> Usage:
    """The figures of a guest while it runs, the same at every start."""
    chance = random.Random(guest.vmid)  # noqa: S311 - figures for show
    return Usage(
        cpu=round(chance.random() ** 2 * 0.9, 4),
        mem=int(guest.memory * 2**20 * (0.25 + 0.7 * chance.random())),
        disk=int(guest.disk * GIB * (0.2 + 0.7 * chance.random())),
        uptime=chance.randrange(DAY // 4, 60 * DAY),
        traffic=chance.randrange(10**8, 10**11),
    )
