"""What the demo cluster says of its own health: HA, services, certificates. ``fakepve`` has stand-ins for them.

Some of it is wrong on purpose, so that ``proxmox-mcp problems`` has something to show.
"""

# Tested through tests/scenarios/test_problems.py.

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from proxmox_mcp.demo import fixtures
from proxmox_mcp.demo.fixtures import DAY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Values = dict[str, Any]


class ClusterHealth:
    """Mixin of FakePve."""

    ha_resources: Any
    guest: Callable[[int], Any]
    nodes: Values

    def _routes_health(self) -> list[tuple[str, str, Callable[[Values, str], Awaitable[Any]]]]:
        return [
            ("GET", "/cluster/ha/status/current", self._ha_status),
            ("GET", "/nodes/{node}/services", self._services),
            ("GET", "/nodes/{node}/certificates/info", self._certificates),
        ]

    async def _ha_status(self, _values: Values, _user: str) -> list[Values]:
        """As ``PVE::API2::HA::Status``: quorum, the master, the manager of each node, then the resources."""
        now, node = int(time.time()), next(iter(self.nodes))
        entries: list[Values] = [
            {"id": "quorum", "type": "quorum", "node": node, "status": "OK", "quorate": 1},
            {"id": "master", "type": "master", "node": node, "status": f"{node} (active)", "timestamp": now},
        ]
        for name in self.nodes:
            entry = {"id": f"lrm:{name}", "type": "lrm", "node": name, "status": f"{name} (active)", "timestamp": now}
            entries.append(entry)
        return entries + [self._ha_service(item) for item in self.ha_resources.list()]

    def _ha_service(self, item: Values) -> Values:
        guest = self.guest(int(item["sid"].partition(":")[2]))
        running, wanted = guest.status == "running", guest.ha_state or item["state"]
        state = "starting" if wanted == "started" and not running else wanted
        return {
            "id": f"service:{item['sid']}",
            "type": "service",
            "sid": item["sid"],
            "node": guest.node,
            "state": state,
            "crm_state": wanted,
            "request_state": wanted,
            "status": f"{item['sid']} ({guest.node}, {state})",
        }

    async def _services(self, values: Values, _user: str) -> list[Values]:
        failed = fixtures.FAILED_SERVICES.get(values["node"], ())
        return [
            {
                "service": name,
                "name": name,
                "desc": description,
                "state": "failed" if name in failed else "running",
                "active-state": "failed" if name in failed else "active",
                "unit-state": "enabled",
            }
            for name, description in fixtures.SERVICES.items()
        ]

    async def _certificates(self, values: Values, _user: str) -> list[Values]:
        node, now = values["node"], int(time.time())
        days = {"pve-root-ca.pem": 3200, "pve-ssl.pem": 420} | fixtures.CERTIFICATES.get(node, {})
        return [
            {
                "filename": name,
                "subject": f"/OU=PVE Cluster Node/CN={node}.workshop.example",
                "issuer": "/CN=Proxmox Virtual Environment/O=PVE Cluster Manager CA",
                "notbefore": now - 300 * DAY,
                "notafter": now + left * DAY + DAY // 2,
                "public-key-bits": 2048,
                "public-key-type": "rsaEncryption",
                "san": [f"{node}.workshop.example"],
            }
            for name, left in days.items()
        ]
