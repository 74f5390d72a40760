"""What a model reads for the commonest answers, word for word, and what it may cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from cl100k import count_tokens
from proxmox_mcp.render import WHOLE, Clock, Legend, View, render
from resources import resources

if TYPE_CHECKING:
    from collections.abc import Callable

CLOCK = Clock(1_760_610_000, ZoneInfo("Europe/Berlin"), "Europe/Berlin")
LEGEND = Legend(clock=CLOCK)


def shown(data: Any, view: View = WHOLE) -> str:
    return render(data, view, legend=LEGEND)


CONFIG = {
    "name": "web-01",
    "cores": 4,
    "memory": "8192",
    "scsi0": "local-lvm:vm-100-disk-0,iothread=1,size=32G",
    "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1",
    "boot": "order=scsi0;net0",
    "onboot": 1,
    "description": "Front end.\nCall Anna before a restart.",
    "tags": "prod;web",
    "digest": "4b6c7a0b8e1f",
    "lock": "",
}
SNAPSHOTS = [
    {"name": "before-upgrade", "snaptime": 1_760_000_000, "vmstate": 0, "description": "", "parent": "base"},
    {"name": "base", "snaptime": 1_750_000_000, "vmstate": 1, "description": "clean install"},
    {"name": "current", "running": 1, "digest": "4b6c", "description": "You are here!", "parent": "before-upgrade"},
]
TASKS = [
    {
        "upid": f"UPID:pve1:0001{n:04X}:02A{n:05X}:69{n:06X}:{kind}:{100 + n}:root@pam!mcp:",
        "node": "pve1",
        "pid": 70_000 + n,
        "pstart": 1_000_000 + n,
        "starttime": 1_760_000_000 + 60 * n,
        "endtime": 1_760_000_042 + 60 * n,
        "type": kind,
        "id": str(100 + n),
        "user": "root@pam",
        "tokenid": "mcp",
        "status": "OK" if n % 5 else "command 'qemu-img' failed: exit code 1",
    }
    for n, kind in enumerate(["vzdump", "qmstart", "qmigrate"] * 5)
]
LOG = [{"n": n, "t": f"INFO:  {n // 8}% ({n * 0.04:.1f} GiB of 32.0 GiB) in {n}s"} for n in range(1, 801)]
RRD = [
    {"time": 1_760_000_400 + 1800 * n, "cpu": 0.25 + 0.2 * math.sin(n), "mem": 4e9 + 1e7 * n, "maxmem": 2**33}
    for n in range(336)
]
STATUS = {
    "uptime": 5_263_131,
    "loadavg": ["0.42", "0.36", "0.30"],
    "memory": {"used": 74_088_185_856, "total": 137_438_953_472, "free": 63_350_767_616},
    "ksm": {"shared": 0},
    "kversion": "Linux 6.17.2-1-pve",
    "swap": {},
}

ANSWERS: dict[str, tuple[Callable[[], str], int]] = {
    "get-config": (lambda: shown(CONFIG), 140),
    "get-snapshots": (lambda: shown(SNAPSHOTS), 100),
    "get-snapshots-older": (lambda: shown(SNAPSHOTS, View.of(filter="snaptime<now-30d")), 80),
    "get-tasks": (lambda: shown(TASKS, View.of("type,id,status,starttime", limit=6)), 210),
    "get-task-log": (lambda: shown(LOG), 4000),
    "get-rrddata": (lambda: shown(RRD), 4000),
    "get-node-status": (lambda: shown(STATUS), 110),
    "get-resources-raw": (lambda: shown(resources(4), View.of(filter="type=qemu")), 260),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_reads_as_agreed_and_costs_no_more(name: str, golden: Any) -> None:
    answer, ceiling = ANSWERS[name]
    text = answer()
    golden(name, text)
    assert count_tokens(text) <= ceiling
