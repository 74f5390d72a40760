"""Answers of every kind as a person reads them, by the schema of their endpoints: no epoch, no raw number of bytes."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cl100k import count_tokens
from goldens import hold
from proxmox_mcp.apidoc import load_index
from proxmox_mcp.gateway.answers import Result, legend_of, returned_fields
from proxmox_mcp.render import Budget, Clock, View

GOLDEN = Path(__file__).parent / "golden" / "answers"
GIB = 2**30
NOW = 1_795_863_600
"""2026-11-28 12:00 in Berlin."""
HOUR, DAY = 3_600, 86_400
CLOCK = Clock(NOW, ZoneInfo("Europe/Berlin"), "Europe/Berlin")
GUEST, NODE = "/nodes/{node}/qemu/{vmid}", "/nodes/{node}"

KINDS: dict[str, tuple[str, Any]] = {
    "backups": (
        f"{NODE}/storage/{{storage}}/content",
        [
            {
                "volid": f"nas:backup/vzdump-qemu-103-2026_11_{27 - n}-02_00_05.vma.zst",
                "ctime": NOW - 10 * HOUR - n * DAY,
                "size": 61_243_908_096 + n * GIB,
                "format": "vma.zst",
                "content": "backup",
                "vmid": 103,
                "subtype": "qemu",
                "verification": {"state": "ok", "upid": "UPID:pbs:1"},
            }
            for n in range(3)
        ],
    ),
    "small-and-large-files": (
        f"{NODE}/storage/{{storage}}/content",
        [
            {"volid": "local:iso/tiny.iso", "size": 1_474_560, "ctime": NOW - 400 * DAY, "format": "iso"},
            {"volid": "nas:iso/all.iso", "size": 9_000_000_000_000, "ctime": NOW - 90, "format": "iso"},
        ],
    ),
    "snapshots": (
        f"{GUEST}/snapshot",
        [
            {"name": "base", "snaptime": NOW - 61 * DAY, "vmstate": 0, "description": "clean install"},
            {"name": "pre-18", "snaptime": NOW - 5 * HOUR, "vmstate": 1, "parent": "base", "description": ""},
            {"name": "current", "running": 1, "digest": "4b6c", "description": "You are here!", "parent": "pre-18"},
        ],
    ),
    "tasks": (
        f"{NODE}/tasks",
        [
            {
                "upid": f"UPID:pve1:0001138{n}:02A3B4C{n}:6B0A{n}0F0:{kind}:{100 + n}:root@pam:",
                "node": "pve1",
                "pid": 70_536 + n,
                "pstart": 44_282_060 + n,
                "starttime": NOW - (n + 1) * 3 * HOUR,
                **({"endtime": NOW - (n + 1) * 3 * HOUR + 42 * 10**n, "status": "OK"} if n else {}),
                "type": kind,
                "id": str(100 + n),
                "user": "root@pam",
            }
            for n, kind in enumerate(["vzdump", "qmstart", "qmigrate"])
        ],
    ),
    "a-task": (
        f"{NODE}/tasks/{{upid}}/status",
        {
            "type": "vzdump",
            "status": "running",
            "starttime": NOW - 750,
            "pid": 70_536,
            "pstart": 44_282_060,
            "id": "100",
        },
    ),
    "a-guest": (
        f"{GUEST}/status/current",
        {
            "vmid": 103,
            "name": "db-01",
            "status": "running",
            "cpus": 8,
            "cpu": 0.8634,
            "mem": 19_542_101_196,
            "maxmem": 32 * GIB,
            "balloon": 32 * GIB,
            "maxdisk": 200 * GIB,
            "disk": 0,
            "netin": 11_596_411_699,
            "netout": 3_886_945_812,
            "uptime": 21 * DAY + 5 * HOUR,
            "pid": 4242,
            "pressurecpusome": 0.37,
            "ballooninfo": {"actual": 32 * GIB, "max_mem": 32 * GIB, "last_update": NOW - 8},
            "blockstat": {
                "scsi0": {"rd_bytes": 48_318_382_080, "wr_bytes": 9_663_676_416, "rd_total_time_ns": 81_234_567_890},
                "scsi1": {"rd_bytes": 1_073_741_824, "wr_bytes": 536_870_912, "rd_total_time_ns": 1_234_567_890},
            },
            "nics": {"tap103i0": {"netin": 11_596_411_699, "netout": 3_886_945_812}},
            "ha": {"managed": 1, "state": "started"},
            "running-qemu": "10.1.2",
        },
    ),
    "a-node": (
        f"{NODE}/status",
        {
            "cpu": 0.0312,
            "wait": 0.0008,
            "uptime": 5_263_131,
            "loadavg": ["0.42", "0.36", "0.30"],
            "memory": {"used": 74_088_185_856, "total": 137_438_953_472, "free": 63_350_767_616, "available": 64 * GIB},
            "rootfs": {
                "used": 24_696_061_952,
                "total": 100_861_726_720,
                "free": 76_165_664_768,
                "avail": 71_034_978_304,
            },
            "swap": {"used": 0, "total": 8 * GIB, "free": 8 * GIB},
            "ksm": {"shared": 3_221_225_472},
            "kversion": "Linux 6.17.2-1-pve #1 SMP",
            "cpuinfo": {"cpus": 32, "cores": 16, "sockets": 1, "model": "EPYC", "flags": "fpu vme de pse " * 40},
            "pveversion": "pve-manager/9.1.9/abc",
        },
    ),
    "a-series": (
        f"{GUEST}/rrddata",
        [
            {
                "time": NOW - NOW % HOUR - (23 - n) * HOUR,
                "cpu": 0.3 + 0.2 * math.sin(n),
                "mem": 18e9 + 1e8 * n,
                "maxmem": 32 * GIB,
                "netin": 250_000.0 + 1e4 * n,
                "diskread": 0.0,
            }
            for n in range(24)
        ],
    ),
    "a-log": (
        f"{NODE}/tasks/{{upid}}/log",
        [{"n": 1, "t": "INFO: starting new backup job: vzdump 103"}, {"n": 2, "t": "INFO: 61 GiB in 20m"}],
    ),
    "users": (
        "/access/users",
        [
            {"userid": "root@pam", "enable": 1, "expire": 0, "realm-type": "pam"},
            {"userid": "guest@pve", "enable": 1, "expire": NOW + 9 * DAY, "realm-type": "pve"},
            {"userid": "old@pve", "enable": 1, "expire": NOW - 400 * DAY, "realm-type": "pve"},
        ],
    ),
    "a-user": ("/access/users/{userid}", {"enable": 1, "expire": NOW + 9 * DAY, "groups": ["admins", "ops"]}),
    "a-token-without-end": ("/access/users/{userid}/token/{tokenid}", {"privsep": 1, "expire": 0, "comment": "for CI"}),
    "certificates": (
        f"{NODE}/certificates/info",
        [
            {"filename": "pve-root-ca.pem", "notbefore": NOW - 400 * DAY, "notafter": NOW + 3250 * DAY},
            {"filename": "pve-ssl.pem", "notbefore": NOW - 400 * DAY, "notafter": NOW + 12 * DAY},
        ],
    ),
    "storages": (
        f"{NODE}/storage",
        [
            {
                "storage": "local",
                "type": "dir",
                "total": 100_861_726_720,
                "used": 24_696_061_952,
                "used_fraction": 0.2449,
            },
            {
                "storage": "ceph",
                "type": "rbd",
                "total": 8_589_934_592_000,
                "used": 2_469_606_195_200,
                "used_fraction": 0.2875,
            },
        ],
    ),
    "disks": (
        f"{NODE}/disks/list",
        [
            {"devpath": "/dev/nvme0n1", "size": 1_920_383_410_176, "health": "PASSED", "wearout": 98, "type": "nvme"},
            {"devpath": "/dev/sda", "size": 480_103_981_056, "health": "PASSED", "wearout": "N/A", "type": "ssd"},
        ],
    ),
    "replication": (
        f"{NODE}/replication",
        [
            {"id": "103-0", "last_sync": NOW - 600, "next_sync": NOW + 300, "duration": 3.21457, "fail_count": 0},
            {"id": "104-0", "last_sync": 0, "next_sync": 0, "fail_count": 2, "error": "no route to host"},
        ],
    ),
    "high-availability": (
        "/cluster/ha/status/current",
        [
            {"id": "quorum", "type": "quorum", "node": "pve1", "quorate": 1, "status": "OK"},
            {"id": "lrm:pve1", "type": "lrm", "node": "pve1", "timestamp": NOW - 4, "status": "pve1 (active)"},
        ],
    ),
    "backup-jobs": (
        "/cluster/backup",
        [
            {
                "id": "backup-1",
                "schedule": "02:00",
                "next-run": NOW + 13 * HOUR,
                "all": 1,
                "storage": "nas",
                "bwlimit": 51_200,
            },
            {
                "id": "backup-2",
                "schedule": "sun 04:00",
                "next-run": NOW + 20 * HOUR,
                "vmid": "103,104",
                "storage": "nas",
            },
        ],
    ),
    "a-configuration": (
        f"{GUEST}/config",
        {
            "name": "db-01",
            "cores": 8,
            "memory": "32768",
            "balloon": 16384,
            "scsi0": "ceph:vm-103-disk-0,iothread=1,size=200G",
            "net0": "virtio=BC:24:11:00:67:15,bridge=vmbr0,firewall=1",
            "migrate_downtime": 0.5,
            "meta": "creation-qemu=10.1.2,ctime=1764329100",
            "digest": "4b6c7a0b8e1f",
        },
    ),
    "addresses": (
        f"{GUEST}/agent/network-get-interfaces",
        {
            "result": [
                {
                    "name": name,
                    "hardware-address": mac,
                    "ip-addresses": [
                        {"ip-address": address, "ip-address-type": "ipv4", "prefix": prefix},
                        {"ip-address": "fe80::1", "ip-address-type": "ipv6", "prefix": 64},
                    ],
                    "statistics": {"rx-bytes": 11_596_411_699, "tx-bytes": 3_886_945_812, "rx-errs": 0},
                }
                for name, mac, address, prefix in [
                    ("lo", "00:00:00:00:00:00", "127.0.0.1", 8),
                    ("eth0", "bc:24:11:00:67:15", "10.20.0.41", 24),
                ]
            ]
        },
    ),
    "file-systems": (
        f"{GUEST}/agent/get-fsinfo",
        {
            "result": [
                {
                    "name": "sda1",
                    "mountpoint": "/",
                    "type": "ext4",
                    "total-bytes": 209_715_200_000,
                    "used-bytes": 73_400_320_000,
                },
                {
                    "name": "sdb1",
                    "mountpoint": "/srv",
                    "type": "xfs",
                    "total-bytes": 1_099_511_627_776,
                    "used-bytes": 21_474_836_480,
                },
            ]
        },
    ),
    "ceph": (
        f"{NODE}/ceph/status",
        {
            "fsid": "00000000-0000-4000-8000-000000000000",
            "health": {"status": "HEALTH_WARN", "checks": {"OSD_NEARFULL": {"severity": "HEALTH_WARN"}}},
            "pgmap": {
                "bytes_total": 26_388_279_066_624,
                "bytes_used": 7_916_483_719_987,
                "bytes_avail": 18_471_795_346_637,
                "data_bytes": 2_638_827_906_662,
                "read_bytes_sec": 5_242_880,
                "write_bytes_sec": 1_310_720,
                "num_pgs": 129,
                "pgs_by_state": [{"state_name": "active+clean", "count": 129}],
            },
        },
    ),
    "time": (f"{NODE}/time", {"timezone": "Europe/Berlin", "time": NOW, "localtime": NOW + HOUR}),
    "subscription": (
        f"{NODE}/subscription",
        {"status": "active", "checktime": NOW - 7 * HOUR, "nextduedate": "2027-03-01", "sockets": 1},
    ),
    "second-factors": (
        "/access/tfa",
        [
            {
                "userid": "anna@pve",
                "entries": [{"id": "t1", "type": "totp", "created": NOW - 30 * DAY, "description": "phone"}],
            }
        ],
    ),
    "the-log-of-the-cluster": (
        "/cluster/log",
        [
            {
                "uid": 1,
                "time": NOW - 70,
                "node": "pve1",
                "user": "root@pam",
                "tag": "pvedaemon",
                "pri": 6,
                "pid": 1,
                "msg": "starting",
            },
            {
                "uid": 2,
                "time": NOW - 30,
                "node": "pve1",
                "user": "root@pam",
                "tag": "pvedaemon",
                "pri": 6,
                "pid": 1,
                "msg": "end",
            },
        ],
    ),
    "zfs": (
        f"{NODE}/disks/zfs",
        [
            {
                "name": "tank",
                "size": 15_994_458_210_304,
                "alloc": 8_126_464_000_000,
                "free": 7_867_994_210_304,
                "frag": 12,
                "dedup": 1,
                "health": "ONLINE",
            }
        ],
    ),
}


def answered(kind: str, **view: Any) -> str:
    path, data = KINDS[kind]
    index = load_index("9.2")
    endpoint = index.get("GET", path)
    assert endpoint is not None
    legend = legend_of(endpoint, index).at(CLOCK)
    return Result(data, known=returned_fields(endpoint), legend=legend).text(View.of(**view), Budget.of(4000))


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_reads_at_first_sight(kind: str) -> None:
    hold(GOLDEN / f"{kind}.txt", answered(kind))


RAW = re.compile(r"(?<![\w:./-])[0-9]{7,}(?![\w:-])")
"""A number of seven digits and more that is no part of a name, a version or a UPID."""
SENT_BACK = re.compile(r" = [0-9]{10}$|999999999|,ctime=[0-9]{10}|serial: \S+|UPID:\S+")


@pytest.mark.parametrize("kind", KINDS)
def test_no_epoch_and_no_raw_number_of_bytes_is_left(kind: str) -> None:
    text = answered(kind)
    left = [line for line in text.splitlines() if RAW.search(SENT_BACK.sub("", line))]
    assert not left
    assert RAW.search(json.dumps(KINDS[kind][1])) is None or answered(kind, raw=True) != text


@pytest.mark.parametrize("golden", sorted(Path(__file__).parents[1].rglob("golden/**/*.txt")), ids=lambda p: p.stem)
def test_no_golden_answer_holds_an_epoch_or_a_raw_number_of_bytes(golden: Path) -> None:
    lines = golden.read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if RAW.search(SENT_BACK.sub("", line)) and not line.lstrip().startswith("| ")]


@pytest.mark.parametrize("kind", [kind for kind, (_, data) in KINDS.items() if isinstance(data, dict)])
def test_a_record_is_no_longer_than_its_json_but_for_its_times(kind: str) -> None:
    text = answered(kind).replace("0 (never)", "0")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(?: \([^)]*\))?(?: = \d+)?", "1795863600", text)
    lines = [line for line in text.splitlines() if not line.startswith(("[text in", "(left out", "(now"))]
    sent = json.dumps(KINDS[kind][1], separators=(",", ":"))
    assert len("\n".join(lines)) <= len(sent)
    assert count_tokens("\n".join(lines)) <= 1.2 * count_tokens(sent)
