"""Every kind of object that the demo cluster keeps: written, read back, changed and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from demo_api import Api

Options = dict[str, Any]

STALE = "0" * 40

KINDS: dict[str, tuple[str, str, Options, Options, str]] = {
    "directory mapping": (
        "/cluster/mapping/dir", "id",
        {"map": "node=pve1,path=/srv", "description": "shared"}, {"map": "node=pve1,path=/opt"}, "map",
    ),
    "device mapping": (
        "/cluster/mapping/pci", "id",
        {"map": "node=pve1,path=0000:01:00.0,id=10de:1b06"}, {"map": "node=pve1,path=0000:02:00.0,id=10de:1b06"}, "map",
    ),
    "metrics server": (
        "/cluster/metrics/server/{id}", "id",
        {"type": "graphite", "server": "192.0.2.1", "port": 2003}, {"server": "192.0.2.1", "port": 2004}, "port",
    ),
    "realm": (
        "/access/domains", "realm",
        {"type": "ldap", "server1": "192.0.2.1", "base_dn": "dc=example", "user_attr": "uid"}, {"comment": "staff"},
        "comment",
    ),
    "zone": ("/cluster/sdn/zones", "zone", {"type": "simple", "mtu": 1450}, {"mtu": 1400}, "mtu"),
    "controller": (
        "/cluster/sdn/controllers", "controller", {"type": "evpn", "asn": 65000, "peers": "192.0.2.2"},
        {"asn": 65001}, "asn",
    ),
    "sendmail endpoint": (
        "/cluster/notifications/endpoints/sendmail", "name", {"mailto": "a@example.org"}, {"comment": "all"}, "comment",
    ),
    "gotify endpoint": (
        "/cluster/notifications/endpoints/gotify", "name", {"server": "https://192.0.2.1", "token": "t"},
        {"comment": "all"}, "comment",
    ),
    "matcher": ("/cluster/notifications/matchers", "name", {"target": "mail-to-root"}, {"comment": "all"}, "comment"),
    "HA resource": ("/cluster/ha/resources", "sid", {"state": "stopped"}, {"comment": "one"}, "comment"),
    "replication job": (
        "/cluster/replication", "id", {"type": "local", "target": "pve2", "schedule": "*/30"}, {"rate": 10}, "rate",
    ),
    "backup job": (
        "/cluster/backup", "id", {"schedule": "02:00", "storage": "nas", "all": 1}, {"comment": "one"}, "comment",
    ),
}  # fmt: skip
"""Of each kind: the path to create at, the identifier, options to create and to change, and the option that changes."""
NAMES = {"HA resource": "vm:123", "replication job": "110-0"}
WITHOUT_DIGEST = {"backup job"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_back_until_it_is_deleted(kind: str, root: Api) -> None:
    path, key, options, change, changed = KINDS[kind]
    name = NAMES.get(kind, "kept1")
    at = path.replace(f"{{{key}}}", name)
    listed = at.removesuffix(f"/{name}")
    item = f"{listed}/{name}"
    assert root.answer("GET", item)[0] in (400, 404, 500)
    root.done("POST", at, **{**({key: name} if at == listed else {}), **options})
    assert root.refusal("POST", at, **{**({key: name} if at == listed else {}), **options})[0] in (400, 500)
    assert changed not in root.get(item) or str(root.get(item)[changed]) != str(change[changed])
    assert root.answer("PUT", item, **change)[0] == 200
    shown = root.get(item)[changed]
    assert str(shown if not isinstance(shown, list) else shown[0]) == str(change[changed])
    assert sum(name in map(str, each.values()) for each in root.get(listed)) == 1
    if kind not in WITHOUT_DIGEST:
        assert "detected modified configuration" in root.refusal("PUT", item, **change, digest=STALE)[1]
    root.done("DELETE", item, **({"force": 1} if kind == "replication job" else {}))
    assert root.answer("GET", item)[0] in (400, 404, 500)
    assert not any(name in map(str, each.values()) for each in root.get(listed))
