"""What goes with an object that is deleted, and what prevents that."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo_api import Api


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


def test_pools_and_storages_leave_the_acl(root: Api) -> None:
    root.done("POST", "/pools", poolid="brief")
    root.done("POST", "/storage", storage="brief", type="dir", path="/srv/brief", content="iso")
    for path in ("/pool/brief", "/storage/brief"):
        root.done("PUT", "/access/acl", path=path, roles="PVEAuditor", users="anna@pve")
    root.done("DELETE", "/pools/brief")
    root.done("DELETE", "/storage/brief")
    assert not [entry for entry in root.get("/access/acl") if entry["path"].endswith("/brief")]


def test_a_destroyed_guest_leaves_no_replication_and_no_job_of_its_own(root: Api) -> None:
    assert root.run("/nodes/pve1/qemu", "pve1", vmid=261, memory=512)[0] == "OK"
    root.done("POST", "/cluster/replication", id="261-0", type="local", target="pve2")
    root.done("POST", "/cluster/backup", id="own", schedule="daily", storage="nas", vmid="261")
    assert root.run("/nodes/pve1/qemu/261", "pve1", "DELETE", purge=1)[0] == "OK"
    assert root.answer("GET", "/cluster/replication/261-0")[0] != 200
    assert root.answer("GET", "/cluster/backup/own")[0] != 200


def test_a_guest_that_is_destroyed_without_a_purge_stays_in_its_jobs(root: Api) -> None:
    assert root.run("/nodes/pve1/qemu", "pve1", vmid=262, memory=512)[0] == "OK"
    root.done("POST", "/cluster/backup", id="own", schedule="daily", storage="nas", vmid="262")
    assert root.run("/nodes/pve1/qemu/262", "pve1", "DELETE")[0] == "OK"
    assert root.get("/cluster/backup/own")["vmid"] == "262"
    root.done("DELETE", "/cluster/backup/own")


def test_a_storage_of_esxi_needs_a_password(root: Api) -> None:
    given = {"storage": "old", "type": "esxi", "server": "192.0.2.9", "username": "root", "content": "import"}
    assert "missing password" in root.refusal("POST", "/storage", **given)[1]
