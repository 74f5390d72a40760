"""What the demo cluster keeps, and Proxmox's own rules about it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from demo_api import Api
from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from proxmox_mcp.demo.configuration.second_factors import totp_code

if TYPE_CHECKING:
    from collections.abc import Iterator

Options = dict[str, Any]

STALE = "0" * 40
PASSWORD = "a-long-password"
OTP_SECRET = "JBSWY3DPEHPK3PXP"

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


@pytest.fixture(scope="module")
def cluster() -> Iterator[DemoCluster]:
    with start_demo_cluster(task_seconds=0.2) as running:
        yield running


@pytest.fixture
def root(cluster: DemoCluster) -> Api:
    return Api(cluster)


@pytest.fixture
def user(root: Api) -> Iterator[str]:
    """A user without rights, who is in a group and has the password PASSWORD."""
    root.done("POST", "/access/groups", groupid="staff")
    root.done("POST", "/access/users", userid="kim@pve", groups="staff", password=PASSWORD)
    yield "kim@pve"
    if root.answer("GET", "/access/users/kim@pve")[0] == 200:
        root.done("DELETE", "/access/users/kim@pve")
    root.done("DELETE", "/access/groups/staff")


def token_of(root: Api, user: str, name: str, **options: Any) -> str:
    """A new token; its secret."""
    return str(root.done("POST", f"/access/users/{user}/token/{name}", **options)["value"])


# Every kind.


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


def test_options_of_the_cluster_and_of_a_node_are_kept(root: Api) -> None:
    root.done("PUT", "/cluster/options", keyboard="de", migration="secure,network=192.0.2.0/24")
    assert root.get("/cluster/options")["migration"] == {"type": "secure", "network": "192.0.2.0/24"}
    root.done("PUT", "/cluster/options", delete="keyboard,migration")
    assert "migration" not in root.get("/cluster/options")
    root.done("PUT", "/nodes/pve1/config", description="Rack 4")
    assert root.get("/nodes/pve1/config")["description"] == "Rack 4\n"
    assert "description" not in root.get("/nodes/pve2/config")


def test_the_sdn_runs_what_was_applied_and_rolls_back_to_it(root: Api) -> None:
    root.done("POST", "/cluster/sdn/zones", zone="dmz", type="simple")
    assert root.get("/cluster/sdn/zones/dmz", pending=1)["state"] == "new"
    root.done("PUT", "/cluster/sdn")
    root.done("PUT", "/cluster/sdn/zones/dmz", mtu=1400)
    assert root.get("/cluster/sdn/zones/dmz", pending=1)["pending"] == {"mtu": 1400}
    assert "mtu" not in root.get("/cluster/sdn/zones/dmz", running=1)
    root.done("POST", "/cluster/sdn/rollback")
    assert "mtu" not in root.get("/cluster/sdn/zones/dmz")
    root.done("DELETE", "/cluster/sdn/zones/dmz")
    assert root.get("/cluster/sdn/zones/dmz", pending=1)["state"] == "deleted"


# Tokens and users.


def test_a_token_is_not_its_user(cluster: DemoCluster, root: Api, user: str) -> None:
    token = Api(cluster, f"{user}!own", token_of(root, user, "own", privsep=0))
    for method, path in (
        ("GET", f"/access/users/{user}/token"),
        ("GET", f"/access/users/{user}/token/own"),
        ("PUT", f"/access/users/{user}/token/own"),
        ("DELETE", f"/access/users/{user}/token/own"),
    ):
        assert token.refusal(method, path) == (403, "Permission check failed")
    assert user not in [known["userid"] for known in token.get("/access/users")]
    ticket = root.done("POST", "/access/ticket", username=user, password=PASSWORD)
    by_password = Api.by_ticket(cluster, ticket)
    assert [each["tokenid"] for each in by_password.get(f"/access/users/{user}/token")] == ["own"]
    root.done("PUT", "/access/acl", path="/access", roles="PVEUserAdmin", users=user)
    token.done("DELETE", f"/access/users/{user}/token/own")
    assert token.refusal("GET", "/version") == (401, "Authentication failed!")


def test_a_separated_token_may_what_it_and_its_user_may(cluster: DemoCluster, root: Api, user: str) -> None:
    token = Api(cluster, f"{user}!sep", token_of(root, user, "sep"))
    root.done("PUT", "/access/acl", path="/vms", roles="PVEVMUser", users=user)
    assert token.get("/cluster/resources", type="vm") == []
    root.done("PUT", "/access/acl", path="/vms/103", roles="PVEVMAdmin", tokens=f"{user}!sep")
    assert [guest["vmid"] for guest in token.get("/cluster/resources", type="vm")] == [103]
    held = token.get("/access/permissions", path="/vms/103")["/vms/103"]
    assert "VM.PowerMgmt" in held
    assert "VM.Allocate" not in held


def test_an_expired_token_and_a_disabled_user_can_do_nothing(cluster: DemoCluster, root: Api, user: str) -> None:
    token = Api(cluster, f"{user}!old", token_of(root, user, "old", privsep=0))
    assert token.answer("GET", "/version")[0] == 200
    root.done("PUT", f"/access/users/{user}/token/old", expire=1_000_000)
    assert token.answer("GET", "/version")[0] == 401
    root.done("PUT", f"/access/users/{user}/token/old", expire=0)
    assert token.answer("GET", "/version")[0] == 200
    root.done("PUT", f"/access/users/{user}", enable=0)
    assert token.answer("GET", "/version")[0] == 401


def test_a_deleted_user_leaves_groups_acls_and_tokens(cluster: DemoCluster, root: Api, user: str) -> None:
    token = Api(cluster, f"{user}!own", token_of(root, user, "own", privsep=0))
    root.done("PUT", "/access/acl", path="/vms", roles="PVEVMUser", users=user, tokens=f"{user}!own")
    root.done("DELETE", f"/access/users/{user}")
    assert root.get("/access/groups/staff")["members"] == []
    assert not [entry for entry in root.get("/access/acl") if entry["ugid"].startswith(user)]
    assert token.answer("GET", "/version")[0] == 401
    root.done("POST", "/access/users", userid=user)
    assert root.get(f"/access/users/{user}/token") == []


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("/", "PVEAuditor", 1), ("/vms", "PVEVMUser", 0)], {"/vms/103": True, "/vms": True}),
        ([("/", "PVEAuditor", 0)], {"/vms/103": False, "/": True}),
        ([("/vms", "PVEVMUser", 1), ("/vms/103", "NoAccess", 1)], {"/vms/103": False, "/vms/104": True}),
        ([("/pool/shop", "PVEVMUser", 1)], {"/vms/103": True, "/vms/110": False}),
        ([("/pool/shop", "PVEVMUser", 1), ("/vms/103", "NoAccess", 1)], {"/vms/103": False, "/vms/104": True}),
    ],
)
def test_the_nearest_acl_entry_counts_and_no_access_beats_all(
    entries: list[tuple[str, str, int]], expected: dict[str, bool], root: Api, user: str
) -> None:
    for path, role, propagate in entries:
        root.done("PUT", "/access/acl", path=path, roles=role, groups="staff", propagate=propagate)
    held = {path: root.get("/access/permissions", userid=user, path=path)[path] for path in expected}
    assert {path: "VM.Audit" in privileges for path, privileges in held.items()} == expected


def test_a_login_asks_for_the_second_factor_that_a_user_has(cluster: DemoCluster, root: Api, user: str) -> None:
    assert root.refusal("POST", f"/access/tfa/{user}", type="recovery")[0] == 403
    login = {"username": user, "password": PASSWORD}
    by_password = Api.by_ticket(cluster, root.done("POST", "/access/ticket", **login))
    uri = f"otpauth://totp/{user}?secret={OTP_SECRET}"
    by_password.done(
        "POST",
        f"/access/tfa/{user}",
        type="totp",
        totp=uri,
        value=totp_code(OTP_SECRET, time.time()),
        password=PASSWORD,
    )
    assert [entry["type"] for entry in root.get(f"/access/tfa/{user}")] == ["totp"]
    half = root.done("POST", "/access/ticket", **login)
    assert half["NeedTFA"] == 1
    assert Api.by_ticket(cluster, half).refusal("GET", "/version") == (401, "Authentication failed!")
    code = f"totp:{totp_code(OTP_SECRET, time.time())}"
    whole = root.done("POST", "/access/ticket", username=user, password=code, **{"tfa-challenge": half["ticket"]})
    assert Api.by_ticket(cluster, whole).answer("GET", "/version")[0] == 200


def test_what_only_a_ticket_may_is_refused_to_roots_token(root: Api) -> None:
    assert root.refusal("PUT", "/access/password", userid="anna@pve", password=PASSWORD)[0] == 403
    assert root.refusal("PUT", "/nodes/pve3/qemu/104/config", args="-d")[1] == "only root can set 'args' config"
    assert root.refusal("POST", "/cluster/acme/account", contact="a@example.org")[1].endswith("(user != root@pam)")


# Guests.


def test_zfs_rolls_back_to_the_newest_snapshot_alone(root: Api) -> None:
    root.done("POST", "/storage", storage="tank", type="zfspool", pool="tank", content="images,rootdir")
    assert root.run("/nodes/pve1/qemu", "pve1", vmid=250, memory=512, scsi0="tank:1")[0] == "OK"
    for name in ("first", "second"):
        assert root.run("/nodes/pve1/qemu/250/snapshot", "pve1", snapname=name)[0] == "OK"
    ended, _ = root.run("/nodes/pve1/qemu/250/snapshot/first/rollback", "pve1")
    assert ended == "can't rollback, 'first' is not most recent snapshot on 'vm-250-disk-0'"
    assert root.run("/nodes/pve1/qemu/250/snapshot/second/rollback", "pve1")[0] == "OK"


def test_a_destroyed_guest_leaves_acls_and_where_asked_for_ha_and_jobs(root: Api) -> None:
    assert root.run("/nodes/pve1/qemu", "pve1", vmid=260, memory=512)[0] == "OK"
    root.done("PUT", "/access/acl", path="/vms/260", roles="PVEVMUser", users="anna@pve")
    root.done("POST", "/cluster/ha/resources", sid="260", state="ignored")
    root.done("POST", "/cluster/backup", id="both", schedule="daily", storage="nas", vmid="260,103")
    assert "used in HA resources" in root.refusal("DELETE", "/nodes/pve1/qemu/260")[1]
    assert root.run("/nodes/pve1/qemu/260", "pve1", "DELETE", purge=1)[0] == "OK"
    assert not [entry for entry in root.get("/access/acl") if entry["path"] == "/vms/260"]
    assert root.answer("GET", "/cluster/ha/resources/vm:260")[0] == 500
    assert root.get("/cluster/backup/both")["vmid"] == "103"
    root.done("DELETE", "/cluster/backup/both")


def test_a_detached_disk_is_kept_as_unused_and_leaves_the_boot_order(root: Api) -> None:
    config = "/nodes/pve3/qemu/140/config"
    disk = root.get(config)["scsi0"].partition(",")[0]
    root.done("PUT", config, delete="scsi0")
    assert root.get(config)["unused0"] == disk
    assert "scsi0" not in root.get(config)["boot"]
    root.done("PUT", config, scsi0=disk)
    assert "unused0" not in root.get(config)


def test_the_configuration_shows_what_is_pending_and_on_demand_what_is_in_force(root: Api) -> None:
    config = "/nodes/pve3/qemu/104/config"
    assert root.get(config)["memory"] == "49152"
    assert root.get(config, current=1)["memory"] == "32768"
    root.done("PUT", config, revert="memory")
    assert root.get(config)["memory"] == "32768"
