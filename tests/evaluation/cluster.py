"""A demo cluster in this process, all of its configuration, and calls to it past any server of ours."""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from fakepve.certs import make_cert

from proxmox_mcp.demo.fake import DemoPve
from proxmox_mcp.demo.launcher import populate
from recorded_roundtrips import comparable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

State = dict[str, Any]
"""The parts of a cluster by name: ``qemu/105/config``, ``lxc/122/status``, ``volume nas:iso/a.iso``, ``/storage``."""

_TOKEN = "root@pam!mcp"
_TASK_SECONDS = 0.05
_LISTS = (
    "/access/users", "/access/groups", "/access/roles", "/access/acl", "/access/domains", "/storage",
    "/cluster/options", "/cluster/backup", "/cluster/replication", "/cluster/ha/resources", "/cluster/ha/rules",
    "/cluster/firewall/options", "/cluster/firewall/rules", "/cluster/firewall/aliases", "/cluster/firewall/ipset",
    "/cluster/firewall/groups", "/cluster/sdn/zones", "/cluster/sdn/vnets", "/cluster/notifications/matchers",
    "/cluster/notifications/targets", "/cluster/mapping/dir", "/cluster/mapping/pci", "/cluster/mapping/usb",
    "/cluster/metrics/server", "/cluster/jobs/realm-sync",
)  # fmt: skip
_OF_A_GUEST = ("config", "snapshot", "firewall/rules", "firewall/options")
_FIGURES = re.compile(
    r"cpu|mem|disk|uptime|netin|netout|diskread|diskwrite|pressure\w*|memhost|status|state|node|running"
)


class Cluster:
    """A demo cluster that runs. ``environment`` holds the settings of a server for it."""

    def __init__(self, pve: DemoPve, fingerprint: str, http: aiohttp.ClientSession) -> None:
        self._pve, self._http = pve, http
        self.environment = {
            "PROXMOX_HOST": "127.0.0.1",
            "PROXMOX_PORT": str(pve.port),
            "PROXMOX_USER": "root@pam",
            "PROXMOX_TOKEN_ID": "mcp",
            "PROXMOX_PASSWORD": pve.apitokens[_TOKEN],
            "PROXMOX_FINGERPRINT": fingerprint,
        }

    def take_down(self, node: str) -> None:
        self._pve.set_node_offline(node)

    def bring_up(self, node: str) -> None:
        self._pve.set_node_offline(node, offline=False)

    async def call(self, method: str, path: str, /, **parameters: Any) -> Any:
        """The data of a call that has to succeed."""
        query, form = (parameters, None) if method in ("GET", "DELETE") else (None, parameters)
        url = f"https://127.0.0.1:{self._pve.port}/api2/json{path}"
        headers = {"Authorization": f"PVEAPIToken={_TOKEN}={self._pve.apitokens[_TOKEN]}"}
        async with self._http.request(method, url, params=query, data=form, headers=headers, ssl=False) as response:
            assert response.status == 200, f"{method} {path}: {response.status} {await response.text()}"
            return (await response.json())["data"]

    async def state(self) -> State:
        """All of the configuration, every guest's node and status, and every volume."""
        found: State = {path: comparable(await self.call("GET", path)) for path in _LISTS}
        for pool in await self.call("GET", "/pools"):
            members = await self.call("GET", "/pools", poolid=pool["poolid"])
            found[f"pool {pool['poolid']}"] = comparable(_without_figures(members))
        for guest in await self.call("GET", "/cluster/resources", type="vm"):
            found[f"{guest['id']}/status"] = f"{guest['status']} on {guest['node']}"
            for part in _OF_A_GUEST:
                told = await self.call("GET", f"/nodes/{guest['node']}/{guest['id']}/{part}")
                found[f"{guest['id']}/{part}"] = comparable(_without_figures(told) if part == "snapshot" else told)
        for storage in await self.call("GET", "/cluster/resources", type="storage"):
            path = f"/nodes/{storage['node']}/storage/{storage['storage']}/content"
            found |= {f"volume {row['volid']}": "there" for row in await self.call("GET", path)}
        return found


@asynccontextmanager
async def demo_cluster(directory: Path) -> AsyncIterator[Cluster]:
    """A new cluster for the length of a block; its certificate is kept in ``directory``."""
    pve = DemoPve("127.0.0.1", 0, "pass-of-the-evaluation", _TASK_SECONDS, None)
    populate(pve, time.time())
    certificate, key, der = make_cert(str(directory), name="pve1", hosts=("127.0.0.1",))
    await pve.start(certificate, key)
    try:
        async with aiohttp.ClientSession() as http:
            yield Cluster(pve, hashlib.sha256(der).hexdigest(), http)
    finally:
        await pve.stop()


def _without_figures(value: Any) -> Any:
    """Members of a pool, or snapshots, without what moves and what is told by a part of its own."""
    if isinstance(value, dict):
        return {name: _without_figures(each) for name, each in value.items() if not _FIGURES.fullmatch(name)}
    return [_without_figures(each) for each in value] if isinstance(value, list) else value
