"""All of a demo cluster at a moment: its configuration, its guests with their states, and its volumes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from recorded_roundtrips import comparable

if TYPE_CHECKING:
    from demo_api import Api

State = dict[str, Any]
"""The parts of a cluster by name: ``qemu/105/config``, ``lxc/122/status``, ``volume nas:iso/a.iso``, ``/storage``."""

_LISTS = (
    "/access/users", "/access/groups", "/access/roles", "/access/acl", "/access/domains", "/storage",
    "/cluster/options", "/cluster/backup", "/cluster/replication", "/cluster/ha/resources", "/cluster/ha/rules",
    "/cluster/firewall/options", "/cluster/firewall/rules", "/cluster/firewall/aliases", "/cluster/firewall/ipset",
    "/cluster/firewall/groups", "/cluster/sdn/zones", "/cluster/sdn/vnets", "/cluster/sdn/controllers",
    "/cluster/sdn/ipams", "/cluster/sdn/dns", "/cluster/notifications/matchers", "/cluster/notifications/targets",
    "/cluster/mapping/dir", "/cluster/mapping/pci", "/cluster/mapping/usb", "/cluster/metrics/server",
    "/cluster/acme/plugins", "/cluster/jobs/realm-sync",
)  # fmt: skip
_PARAMETERS = {"/access/users": {"full": 1}}
_BELOW = {"/cluster/firewall/ipset": "name", "/cluster/firewall/groups": "group"}
_OF_A_GUEST = ("config", "snapshot", "firewall/rules", "firewall/options")
_FIGURES = re.compile(
    r"cpu|mem|(?:max)?disk\w*|uptime|net(?:in|out)|shared_mem|pressure\w*|memhost|status|state|node|running"
)


def whole(api: Api) -> State:
    """The cluster without figures that move by themselves: several hundred GETs over one connection."""
    found: State = {}
    with api.kept_open():
        for path in _LISTS:
            found[path] = api.get(path, **_PARAMETERS.get(path, {}))
            if key := _BELOW.get(path):
                found |= {f"{path}/{row[key]}": api.get(f"{path}/{row[key]}") for row in found[path]}
        for pool in api.get("/pools"):
            found[f"pool {pool['poolid']}"] = _without_figures(api.get("/pools", poolid=pool["poolid"]))
        for guest in api.get("/cluster/resources", type="vm"):
            found[f"{guest['id']}/status"] = f"{guest['status']} on {guest['node']}"
            for part in _OF_A_GUEST:
                told = api.get(f"/nodes/{guest['node']}/{guest['id']}/{part}")
                found[f"{guest['id']}/{part}"] = _without_figures(told) if part == "snapshot" else told
        for storage in api.get("/cluster/resources", type="storage"):
            volumes = api.get(f"/nodes/{storage['node']}/storage/{storage['storage']}/content")
            found |= {f"volume {row['volid']}": "there" for row in volumes}
    return {name: comparable(value) for name, value in found.items()}


def _without_figures(value: Any) -> Any:
    """Members of a pool, or snapshots, without what moves and what is told by a part of its own."""
    if isinstance(value, dict):
        return {name: _without_figures(each) for name, each in value.items() if not _FIGURES.fullmatch(name)}
    return [_without_figures(each) for each in value] if isinstance(value, list) else value
