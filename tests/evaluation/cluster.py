"""A demo cluster in this process, and calls to it past any server of ours."""

from __future__ import annotations

import hashlib
import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync
from fakepve.certs import make_cert

from demo_api import Api
from proxmox_mcp.demo.fake import DemoPve
from proxmox_mcp.demo.launcher import populate
from whole_cluster import State, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_TOKEN = "root@pam!mcp"
_TASK_SECONDS = 0.05


class Cluster:
    """A demo cluster that runs. ``environment`` holds the settings of a server for it."""

    def __init__(self, pve: DemoPve, fingerprint: str) -> None:
        self._pve = pve
        self.host, self.port, self.tokens = "127.0.0.1", int(pve.port), {_TOKEN: str(pve.apitokens[_TOKEN])}
        self._api = Api(self)
        self.environment = {
            "PROXMOX_HOST": self.host,
            "PROXMOX_PORT": str(self.port),
            "PROXMOX_USER": "root@pam",
            "PROXMOX_TOKEN_ID": "mcp",
            "PROXMOX_PASSWORD": self.tokens[_TOKEN],
            "PROXMOX_FINGERPRINT": fingerprint,
        }

    def take_down(self, node: str) -> None:
        self._pve.set_node_offline(node)

    def bring_up(self, node: str) -> None:
        self._pve.set_node_offline(node, offline=False)

    async def call(self, method: str, path: str, /, **parameters: Any) -> Any:
        """The data of a call that has to succeed; in a thread, as the cluster runs in this event loop."""
        return await run_sync(partial(self._api.done, method, path, **parameters))

    async def state(self) -> State:
        """All of it at this moment."""
        return await run_sync(whole, self._api)


@asynccontextmanager
async def demo_cluster(directory: Path) -> AsyncIterator[Cluster]:
    """A new cluster for the length of a block; its certificate is kept in ``directory``."""
    pve = DemoPve("127.0.0.1", 0, "pass-of-the-evaluation", _TASK_SECONDS, None)
    populate(pve, time.time())
    certificate, key, der = make_cert(str(directory), name="pve1", hosts=("127.0.0.1",))
    await pve.start(certificate, key)
    try:
        yield Cluster(pve, hashlib.sha256(der).hexdigest())
    finally:
        await pve.stop()
