from __future__ import annotations

import ast
import http.client
import socket
import ssl
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from demo_api import UNVERIFIED, Api
from patience import PATIENCE, until
from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.installation import install_command
from proxmox_mcp.render import View, nodes_table, nodes_with_guests, render, resources_table
from sources import PACKAGE, modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def cluster() -> Iterator[DemoCluster]:
    with start_demo_cluster(task_seconds=0.3) as running:
        yield running


@pytest.fixture
def root(cluster: DemoCluster) -> Api:
    return Api(cluster)


def test_the_estate_is_three_nodes_and_more_than_thirty_guests_of_both_kinds(root: Api) -> None:
    resources = root.get("/cluster/resources")
    kinds = [resource["type"] for resource in resources]
    assert kinds.count("node") == 3
    assert kinds.count("qemu") >= 15
    assert kinds.count("lxc") >= 10
    assert nodes_table(nodes_with_guests(resources)).split("\n")[1].startswith("pve1 online 31 16")
    shown = resources_table(resources, "vm", View.of("name,status,cpu,mem", "name=db-01"))
    assert "db-01 running" in shown
    assert "nas pve1,pve2,pve3 available" in resources_table(resources, "storage")


def test_the_certificate_is_the_one_of_the_fingerprint(cluster: DemoCluster) -> None:
    served = ssl.get_server_certificate((cluster.host, cluster.port))
    assert sha256(ssl.PEM_cert_to_DER_cert(served)).hexdigest() == cluster.fingerprint


def test_the_environment_is_all_that_a_server_needs(cluster: DemoCluster) -> None:
    assert cluster.environment["PROXMOX_HOST"] == "127.0.0.1"
    assert cluster.environment["PROXMOX_USER"] == "root@pam"
    assert cluster.environment["PROXMOX_PASSWORD"] == cluster.tokens["root@pam!mcp"]
    assert cluster.secret not in repr(cluster)


def test_a_guest_starts_in_a_task_and_runs(root: Api) -> None:
    assert root.run("/nodes/pve3/qemu/102/status/start", "pve3")[0] == "OK"
    assert root.get("/nodes/pve3/qemu/102/status/current")["status"] == "running"


def test_a_guest_that_did_not_start_has_its_failed_task_in_the_history(root: Api) -> None:
    failed = [task for task in root.get("/nodes/pve2/tasks", vmid=114) if task["type"] == "qmstart"]
    assert failed[0]["user"] == "lena@pve"
    assert "does not exist" in failed[0]["status"]
    assert "does not exist" in root.run("/nodes/pve2/qemu/114/status/start", "pve2")[0]


def test_a_backup_tells_its_progress_and_leaves_its_file(root: Api) -> None:
    exit_status, log = root.run("/nodes/pve1/vzdump", "pve1", vmid="103", storage="nas", mode="snapshot")
    assert exit_status == "OK"
    assert "INFO:  50% (100.0 GiB of 200.0 GiB) in 0s" in log
    made = next(line for line in log if "creating vzdump archive" in line)
    volumes = [item["volid"] for item in root.get("/nodes/pve1/storage/nas/content", content="backup", vmid=103)]
    assert made.rpartition("/")[2].rstrip("'") in "\n".join(volumes)
    assert len(volumes) == 8


def test_a_clone_of_the_template_tells_how_far_it_is(root: Api) -> None:
    exit_status, log = root.run("/nodes/pve1/qemu/900/clone", "pve1", newid=200, name="build-9", full=1, storage="ceph")
    assert exit_status == "OK"
    assert any("(50.00%)" in line for line in log)
    assert root.get("/nodes/pve1/qemu/200/config")["name"] == "build-9"


def test_a_migration_moves_the_guest(root: Api) -> None:
    assert root.run("/nodes/pve1/qemu/118/migrate", "pve1", target="pve3", online=1)[0] == "OK"
    assert root.get("/nodes/pve3/qemu/118/status/current")["status"] == "running"


def test_a_disk_grows_and_does_not_shrink(root: Api) -> None:
    status, body = root.answer("PUT", "/nodes/pve2/qemu/120/resize", disk="scsi0", size="+20G")
    assert status == 200, body
    until(lambda: "size=120G" in root.get("/nodes/pve2/qemu/120/config")["scsi0"])
    assert root.run("/nodes/pve2/qemu/120/resize", "pve2", "PUT", disk="scsi0", size="1G")[0] == (
        "shrinking disks is not supported"
    )


def test_the_firewall_of_a_guest_has_its_rules(root: Api) -> None:
    rules = root.get("/nodes/pve1/qemu/103/firewall/rules")
    assert [(rule["dport"], rule["source"]) for rule in rules if rule.get("dport")] == [("5432", "10.20.0.0/24")]
    assert root.get("/nodes/pve1/qemu/103/firewall/options")["policy_in"] == "DROP"


def test_the_fullest_storage_is_full_of_backups(root: Api) -> None:
    fullest = resources_table(root.get("/cluster/resources"), "storage", View.of(filter="disk>80%"))
    assert "\nnas pve1,pve2,pve3" in fullest
    assert "(1 storage; 1 of 8 match)" in fullest
    sizes = [item["size"] for item in root.get("/nodes/pve1/storage/nas/content", content="backup")]
    assert sum(sizes) > 1500 * 2**30


def test_addresses_come_from_the_agent_and_from_containers(root: Api) -> None:
    interfaces = root.get("/nodes/pve1/qemu/110/agent/network-get-interfaces")["result"]
    assert interfaces[1]["ip-addresses"][0]["ip-address"] == "10.20.0.31"
    assert root.get("/nodes/pve2/lxc/122/interfaces")[1]["inet"] == "10.20.0.51/24"


def test_snapshots_have_ages_and_changes_wait_for_a_restart(root: Api) -> None:
    snapshots = root.get("/nodes/pve1/qemu/103/snapshot")
    old = render(snapshots, View.of("name", "snaptime<now-30d"))
    assert "before-16-upgrade" in old
    assert "before-index" not in old
    pending = {item["key"]: item for item in root.get("/nodes/pve3/qemu/104/pending")}
    assert pending["memory"]["pending"] == "49152"


def test_guests_without_a_backup_job_are_named_and_a_new_job_is_kept(root: Api) -> None:
    without = {guest["name"] for guest in root.get("/cluster/backup-info/not-backed-up")}
    assert "git-01" in without
    assert "db-01" not in without
    status, _ = root.answer("POST", "/cluster/backup", vmid="123", storage="nas", schedule="03:00")
    assert status == 200
    assert "git-01" not in {guest["name"] for guest in root.get("/cluster/backup-info/not-backed-up")}
    assert len(root.get("/cluster/backup")) == 3


def test_tokens_see_what_their_user_may_see(cluster: DemoCluster, root: Api) -> None:
    def guests(token: str) -> int:
        return len(Api(cluster, token).get("/cluster/resources", type="vm"))

    assert guests("guest@pve!mcp") == 0
    assert 0 < guests("anna@pve!mcp") < guests("audit@pve!mcp") == guests("root@pam!mcp")
    status, body = Api(cluster, "audit@pve!mcp").answer("POST", "/nodes/pve1/qemu/103/status/stop")
    assert status == 403
    assert "VM.PowerMgmt" in body["message"]


def test_a_role_given_takes_effect_and_is_listed(cluster: DemoCluster, root: Api) -> None:
    status, body = root.answer("PUT", "/access/acl", path="/pool/shop", users="guest@pve", roles="PVEAuditor")
    assert status == 200, body
    assert {"path": "/pool/shop", "type": "user", "ugid": "guest@pve", "roleid": "PVEAuditor", "propagate": 1} in (
        root.get("/access/acl")
    )
    assert len(Api(cluster, "guest@pve!mcp").get("/cluster/resources", type="vm")) == 9
    root.answer("PUT", "/access/acl", path="/pool/shop", users="guest@pve", roles="PVEAuditor", delete=1)
    assert Api(cluster, "guest@pve!mcp").get("/cluster/resources", type="vm") == []


def test_a_path_that_is_none_answers_501_as_proxmox_does(root: Api) -> None:
    status, body = root.answer("GET", "/nodes/pve1/nonsense")
    assert (status, body["message"]) == (501, "Method 'GET /nodes/pve1/nonsense' not implemented\n")


def test_the_figures_of_a_node_agree_wherever_they_are_asked_for(root: Api) -> None:
    listed = next(node for node in root.get("/nodes") if node["node"] == "pve2")
    status = root.get("/nodes/pve2/status")
    assert status["memory"]["total"] == listed["maxmem"] == 128 * 2**30
    assert status["uptime"] == listed["uptime"]


def test_a_schema_given_is_served_without_a_login(tmp_path: Path) -> None:
    document = tmp_path / "apidoc.js"
    document.write_text("const apiSchema = [];\n")
    with start_demo_cluster(apidoc=document) as cluster:
        place = (cluster.host, cluster.port)
        with closing(http.client.HTTPSConnection(*place, timeout=PATIENCE, context=UNVERIFIED)) as connection:
            connection.request("GET", "/pve-docs/api-viewer/apidoc.js")
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"const apiSchema = [];\n")
        process = cluster.process
    assert process.poll() == 0


def test_the_process_ends_with_who_started_it() -> None:
    starter = (
        "from proxmox_mcp.demo import start_demo_cluster\n"
        "import os\n"
        "with start_demo_cluster() as cluster:\n"
        "    print(cluster.port, flush=True)\n"
        "    os._exit(1)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", starter],
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent,
        timeout=PATIENCE,
        check=False,
    )
    port = int(ended.stdout)

    def gone() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    until(gone, lambda: "the end of the demo cluster")


def test_a_missing_fakepve_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "fakepve.py").write_text("raise ImportError('No module named fakepve')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SettingsError, match="needs fakepve") as caught, start_demo_cluster():
        pass
    assert caught.value.advice == f"Install it with:\n  {install_command('demo')}"


def test_a_port_in_use_is_a_settings_error(cluster: DemoCluster) -> None:
    with pytest.raises(SettingsError, match="in use"), start_demo_cluster(port=cluster.port):
        pass


def test_fakepve_is_imported_by_the_launchers_own_modules_only() -> None:
    importers = set()
    for path, tree in modules("fakepve"):
        for node in ast.walk(tree):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name.partition(".")[0] == "fakepve" for name in names):
                importers.add(path.relative_to(PACKAGE).as_posix())
    assert {path for path in importers if not path.startswith("demo/configuration/")} == {
        "demo/bulk_tasks.py",
        "demo/fake.py",
        "demo/launcher.py",
    }
