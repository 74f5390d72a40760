"""The cluster behind a server, asked past the server: what was done there, and what is changed behind its back."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from demo_api import UNVERIFIED
from patience import PATIENCE

if TYPE_CHECKING:
    from proxmox_mcp.demo import DemoCluster


class Upstream:
    """Root's own calls to the demo cluster."""

    def __init__(self, cluster: DemoCluster) -> None:
        self._cluster = cluster

    def call(self, method: str, path: str, /, **parameters: Any) -> Any:
        """The data of the answer; anything but a 200 fails the test."""
        connection = http.client.HTTPSConnection(
            self._cluster.host, self._cluster.port, timeout=PATIENCE, context=UNVERIFIED
        )
        headers = {"Authorization": f"PVEAPIToken=root@pam!mcp={self._cluster.secret}"}
        target, body = f"/api2/json{path}", urlencode(parameters)
        if method in ("GET", "DELETE"):
            target, body = f"{target}?{body}" if body else target, ""
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, target, body or None, headers)
            response = connection.getresponse()
            answer = response.read()
            assert response.status == 200, answer
            return json.loads(answer)["data"]
        finally:
            connection.close()

    def tasks(self, kind: str, vmid: int) -> int:
        """How many tasks of a kind there were for a guest: whether a call has reached the cluster."""
        return sum(task["type"] == kind and task["id"] == str(vmid) for task in self.call("GET", "/cluster/tasks"))

    def config(self, path: str, **parameters: Any) -> None:
        """Change the configuration of a guest."""
        self.call("PUT", f"{quote(path)}/config", **parameters)
