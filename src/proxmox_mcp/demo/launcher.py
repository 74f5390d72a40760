"""The demo cluster as a process: ``python -m proxmox_mcp.demo.launcher``.

Once it listens it prints one line of JSON: ``host``, ``port``, ``user``, ``password``, ``fingerprint`` (SHA-256) and
``tokens`` (full token id: secret, new at every start). It ends at SIGTERM or SIGINT, or with ``--until-stdin-closes``
when the process that started it ends.
"""

# Tested through tests/demo/test_cluster.py.

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxmox_mcp.demo import fixtures
from proxmox_mcp.demo.child_process import when_parent_ends
from proxmox_mcp.demo.fixtures import DAY, GIB

if TYPE_CHECKING:
    from proxmox_mcp.demo.fake import DemoPve

MISSING = 3
"""The exit status where fakepve (or the library for its certificate) is not installed."""


def populate(pve: DemoPve, now: float) -> None:
    """Fill a cluster with the fixtures, its ages counted back from ``now``."""
    pve.nodes = {node.name: {"online": True} for node in fixtures.NODES}
    for storage in fixtures.STORAGES:
        pve.storages[storage.name] = {
            **dict(storage.options),
            "type": storage.plugin,
            "content": storage.content,
            "active": 1,
            "files": set(),
            "volumes": {},
            "total": storage.size * GIB,
            "other": storage.other * GIB,
            **({"shared": 1} if storage.shared else {}),
        }
    for name, volume, size, age in fixtures.FILES:
        content = volume.partition("/")[0]
        entry = {"content": content, "size": int(size * GIB), "ctime": int(now - age * DAY), "format": content[:3]}
        pve.storages[name]["volumes"][volume] = entry
    for guest in fixtures.GUESTS:
        _add_guest(pve, guest, now)
        _add_backups(pve, guest, now)
    for vmid, rules in fixtures.FIREWALL.items():
        conf = pve.firewall_config("vm", vmid=vmid)
        conf["options"].update(enable=1, policy_in="DROP")
        conf["rules"].extend(dict(rule) for rule in rules)
    _add_history(pve, now)
    _add_accounts(pve)
    for job in fixtures.JOBS:
        pve.backup_jobs.create(dict(job))


def _add_accounts(pve: DemoPve) -> None:
    """The users, each with a token that may do what its user may."""
    for userid, options in fixtures.USERS.items():
        pve.accounts.users[userid] = {"enable": 1, "expire": 0, **options}
    for token in fixtures.TOKENS:
        pve.add_token(token, privsep=0)
    for path, user, role in fixtures.ACL:
        pve.accounts.grant(path, ("user", user), role)


def _add_guest(pve: DemoPve, guest: fixtures.DemoGuest, now: float) -> None:
    mac = f"BC:24:11:{guest.vmid >> 8:02X}:{guest.vmid & 255:02X}:{guest.address:02X}"
    volume = f"{'base' if guest.template else 'vm'}-{guest.vmid}-disk-0"
    config: dict[str, Any] = {"cores": guest.cores, "memory": str(guest.memory)}
    config |= {key: value for key, value in (("tags", guest.tags), ("description", guest.description)) if value}
    if guest.onboot:
        config["onboot"] = 1
    common = {
        "node": guest.node,
        "status": "running" if guest.running else "stopped",
        "template": guest.template,
        "pool": guest.pool or None,
        "lock": guest.lock or None,
    }
    if guest.kind == "qemu":
        disk = f"{guest.storage}:{volume},iothread=1,size={guest.disk}G"
        config |= {"scsi0": disk, "scsihw": "virtio-scsi-single", "boot": "order=scsi0", "ostype": "l26"}
        config |= {"net0": f"virtio={mac},bridge=vmbr0,firewall=1", "agent": f"enabled={int(guest.address > 0)}"}
        made = pve.add_vm(guest.vmid, guest.name, config=config, **common)
        made.agent = _agent(guest, mac) if guest.address else None
    else:
        config |= {"rootfs": f"{guest.storage}:{volume},size={guest.disk}G", "memory": guest.memory, "swap": 512}
        config["net0"] = f"name=eth0,bridge=vmbr0,hwaddr={mac},ip=10.20.0.{guest.address}/24,type=veth"
        made = pve.add_ct(guest.vmid, guest.name, config=config, **common)
    made.start_secs = made.stop_secs = pve.task_seconds / 2
    made.shutdown_secs = pve.task_seconds / 2
    made.start_error = guest.start_error or None
    made.pending = {"memory": str(guest.pending_memory)} if guest.pending_memory else {}
    if guest.ha_state:
        pve.ha_resources.create({"sid": str(guest.vmid), "state": guest.ha_state})
    if guest.running:
        made.started_at = now - fixtures.usage(guest).uptime
    for name, age in guest.snapshots:
        made.snapshots[name] = {**made.config, "snaptime": int(now - age * DAY), "parent": made.config.get("parent")}
        made.config["parent"] = name


def _agent(guest: fixtures.DemoGuest, mac: str) -> dict[str, Any]:
    address = {"ip-address": f"10.20.0.{guest.address}", "ip-address-type": "ipv4", "prefix": 24}
    loopback = {"ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8}
    return {
        "interfaces": [
            {"name": "lo", "hardware-address": "00:00:00:00:00:00", "ip-addresses": [loopback]},
            {"name": "eth0", "hardware-address": mac.lower(), "ip-addresses": [address]},
        ]
    }


def _add_backups(pve: DemoPve, guest: fixtures.DemoGuest, now: float) -> None:
    from proxmox_mcp.demo.fake import backup_entry, backup_volume

    for age in fixtures.OLD_BACKUPS.get(guest.vmid) or fixtures.BACKUP_AGES.get(guest.pool, ()):
        moment = now - age * DAY + guest.vmid * 60
        volume = backup_volume(guest.kind, guest.vmid, moment)
        pve.storages["nas"]["volumes"][volume] = backup_entry(guest.vmid, guest.disk, moment, guest.name)


def _add_history(pve: DemoPve, now: float) -> None:
    """Tasks of the last days: nightly backups, and the start that failed this morning."""
    for age in (2, 1):
        for node in ("pve1", "pve2", "pve3"):
            log = ["INFO: starting new backup job: vzdump --pool shop --storage nas", "INFO: Backup job finished"]
            pve.add_past_task(node, "vzdump", "", "root@pam", now - age * DAY + 7200, 1260, log)
    for guest in fixtures.GUESTS:
        if guest.start_error:
            pve.add_past_task(
                guest.node,
                "qmstart",
                str(guest.vmid),
                "lena@pve",
                now - 5400,
                3,
                [guest.start_error],
                guest.start_error,
            )


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until told to stop."""
    from fakepve.certs import make_cert

    from proxmox_mcp.demo.fake import DemoPve

    stop = _stopped_by(starter=arguments.until_stdin_closes)
    password = secrets.token_urlsafe(12)
    pve = DemoPve(arguments.host, arguments.port, password, arguments.task_seconds, arguments.apidoc)
    populate(pve, time.time())
    directory = tempfile.mkdtemp(prefix="proxmox-mcp-demo-")
    try:
        certificate, key, der = make_cert(directory, name="pve1", hosts=(arguments.host,))
        await pve.start(certificate, key)
    finally:
        shutil.rmtree(directory)
    ready = {
        "host": arguments.host,
        "port": pve.port,
        "user": pve.user,
        "password": password,
        "tokens": pve.apitokens,
        "fingerprint": hashlib.sha256(der).hexdigest(),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await stop.wait()
    await pve.stop()


def _stopped_by(*, starter: bool) -> asyncio.Event:
    """Set by SIGTERM, SIGINT, and where asked for, when the process that started this one ends."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def end(*_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)  # Windows has no signal handlers of the event loop
    if starter:
        when_parent_ends(end)
    return stop


def main() -> int:
    """Run the launcher; its exit status is MISSING where fakepve is not installed."""
    parser = argparse.ArgumentParser(prog="proxmox_mcp.demo.launcher", description="A demo cluster on loopback.")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--task-seconds", type=float, default=2.0, help="how long a copying task takes")
    parser.add_argument("--apidoc", type=Path, help="an apidoc.js to serve, as a node does")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input closes")
    arguments = parser.parse_args()
    try:
        import cryptography  # noqa: F401 - for the certificate
        import fakepve  # noqa: F401 - at once, so that its absence is told apart from other faults
    except ImportError as missing:
        sys.stderr.write(f"{missing}\n")
        return MISSING
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
