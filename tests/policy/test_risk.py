from __future__ import annotations

import tomllib
from typing import Any

import pytest

from proxmox_mcp.apidoc import bundled_versions
from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.load import load_bundled
from proxmox_mcp.apidoc.reviews import call_key
from proxmox_mcp.policy.risk import Risk, RiskTable, expand, reviewed_risks

QEMU = "/nodes/{node}/qemu/{vmid}"


def judge(method: str, template: str, **data: Any) -> Risk:
    return reviewed_risks().judge(method, template, data).risk


def test_every_endpoint_of_every_bundled_version_is_reviewed() -> None:
    by_the_rule = {
        f"{version}: {endpoint.method} {endpoint.path}"
        for version in bundled_versions()
        for endpoint in load_bundled(version).endpoints
        if not reviewed_risks().base(endpoint.method, endpoint.path).reviewed
    }
    assert by_the_rule == set()


def test_every_entry_is_about_an_endpoint_that_some_bundled_version_has() -> None:
    known = {
        call_key(endpoint.method, endpoint.path)
        for version in bundled_versions()
        for endpoint in load_bundled(version).endpoints
    }
    assert reviewed_risks().calls - known == set()


def test_every_parameter_that_raises_a_risk_exists_where_it_is_said_to() -> None:
    parameters: dict[str, set[str]] = {}
    for version in bundled_versions():
        for endpoint in load_bundled(version).endpoints:
            parameters.setdefault(call_key(endpoint.method, endpoint.path), set()).update(endpoint.parameters)
    tables = tomllib.loads((data_directory() / "risks.toml").read_text())["raise"]
    for table in tables:
        calls = {key for written in table.get("calls", ()) for key in expand(written)} or set(parameters)
        names = set(table["parameters"])
        assert names <= set().union(*(parameters[call] for call in calls)), table
        if "calls" in table:
            assert [call for call in calls if not names & parameters[call]] == [], table


def test_every_write_below_access_changes_rights() -> None:
    others = [
        f"{endpoint.method} {endpoint.path}"
        for version in bundled_versions()
        for endpoint in load_bundled(version).endpoints
        if endpoint.path.startswith("/access") and endpoint.method != "GET"
        if reviewed_risks().base(endpoint.method, endpoint.path).risk is not Risk.ACCESS
    ]
    assert others == []


def test_deletions_destroy_but_for_those_that_say_why() -> None:
    milder = {
        f"{endpoint.method} {endpoint.path}": reviewed_risks().base(endpoint.method, endpoint.path).why
        for version in bundled_versions()
        for endpoint in load_bundled(version).endpoints
        if endpoint.method == "DELETE"
        if reviewed_risks().base(endpoint.method, endpoint.path).risk < Risk.DESTROY
    }
    assert milder == {
        "DELETE /cluster/sdn/lock": "releases a lock",
        "DELETE /nodes/{node}/network": "reverts what is pending",
        "DELETE /nodes/{node}/tasks/{upid}": "stops or pauses",
    }


def test_risks_are_ordered_by_what_they_may_do_not_by_name() -> None:
    assert sorted(Risk) == list(Risk)
    assert Risk.READ < Risk.INSIDE < Risk.OUTREACH < Risk.CHANGE < Risk.DISRUPT < Risk.DESTROY < Risk.EXECUTE
    assert max(Risk.READ, Risk.ACCESS) is Risk.ACCESS


@pytest.mark.parametrize(
    ("method", "template", "risk"),
    [
        ("GET", "/nodes/{node}/qemu/{vmid}/config", Risk.READ),
        ("GET", "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces", Risk.READ),
        ("GET", "/nodes/{node}/qemu/{vmid}/agent/file-read", Risk.INSIDE),
        ("GET", "/nodes/{node}/storage/{storage}/file-restore/download", Risk.INSIDE),
        ("GET", "/nodes/{node}/scan/nfs", Risk.OUTREACH),
        ("GET", "/nodes/{node}/query-url-metadata", Risk.OUTREACH),
        ("GET", "/cluster/acme/meta", Risk.OUTREACH),
        ("GET", "/nodes/{node}/vncwebsocket", Risk.EXECUTE),
        ("POST", "/nodes/{node}/qemu/{vmid}/agent/ping", Risk.READ),
        ("POST", "/nodes/{node}/qemu/{vmid}/status/start", Risk.CHANGE),
        ("POST", "/nodes/{node}/qemu/{vmid}/status/stop", Risk.DISRUPT),
        ("PUT", "/nodes/{node}/network", Risk.DISRUPT),
        ("POST", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback", Risk.DESTROY),
        ("PUT", "/nodes/{node}/disks/wipedisk", Risk.DESTROY),
        ("POST", "/nodes/{node}/execute", Risk.EXECUTE),
        ("POST", "/nodes/{node}/qemu/{vmid}/monitor", Risk.EXECUTE),
        ("PUT", "/access/acl", Risk.ACCESS),
    ],
)
def test_well_known_calls_have_the_risk_one_expects(method: str, template: str, risk: Risk) -> None:
    assert judge(method, template) is risk


@pytest.mark.parametrize(
    ("method", "template", "data", "risk"),
    [
        ("PUT", f"{QEMU}/config", {"cores": "4"}, Risk.CHANGE),
        ("PUT", f"{QEMU}/config", {"delete": "net0,description"}, Risk.CHANGE),
        ("PUT", f"{QEMU}/config", {"delete": "net0, scsi1"}, Risk.DESTROY),
        ("PUT", f"{QEMU}/config", {"delete": "net0;unused0"}, Risk.DESTROY),
        ("PUT", f"{QEMU}/config", {"delete": ["net0", "efidisk0"]}, Risk.DESTROY),
        ("PUT", f"{QEMU}/config", {"delete": "net0\0tpmstate0"}, Risk.DESTROY),
        ("PUT", f"{QEMU}/config", {"delete": "scsihw"}, Risk.CHANGE),
        ("PUT", "/nodes/{node}/lxc/{vmid}/config", {"delete": "mp3"}, Risk.DESTROY),
        ("PUT", f"{QEMU}/config", {"force": "1"}, Risk.DESTROY),
        ("PUT", f"{QEMU}/config", {"force": True}, Risk.DESTROY),
        ("PUT", f"{QEMU}/config", {"force": "0"}, Risk.CHANGE),
        ("PUT", f"{QEMU}/config", {"force": None}, Risk.CHANGE),
        ("PUT", f"{QEMU}/config", {"protection": "0"}, Risk.DISRUPT),
        ("PUT", f"{QEMU}/config", {"protection": False}, Risk.DISRUPT),
        ("PUT", f"{QEMU}/config", {"protection": "1"}, Risk.CHANGE),
        ("PUT", f"{QEMU}/config", {"delete": "protection"}, Risk.DISRUPT),
        ("PUT", f"{QEMU}/config", {"hookscript": "local:snippets/x.sh"}, Risk.EXECUTE),
        ("PUT", f"{QEMU}/config", {"args": "-S", "force": "1"}, Risk.EXECUTE),
        ("PUT", f"{QEMU}/config", {"skiplock": "1"}, Risk.DISRUPT),
        ("POST", f"{QEMU}/status/start", {"skiplock": "1"}, Risk.DISRUPT),
        ("POST", "/nodes/{node}/qemu", {"vmid": "150"}, Risk.CHANGE),
        ("POST", "/nodes/{node}/qemu", {"archive": "nas:backup/x", "force": "1"}, Risk.DESTROY),
        ("POST", "/nodes/{node}/lxc", {"force": 1}, Risk.DESTROY),
        ("POST", f"{QEMU}/move_disk", {"disk": "scsi0", "storage": "nas"}, Risk.CHANGE),
        ("POST", f"{QEMU}/move_disk", {"disk": "scsi0", "delete": "1"}, Risk.DESTROY),
        ("POST", f"{QEMU}/move_disk", {"target-vmid": "103"}, Risk.DISRUPT),
        ("POST", f"{QEMU}/remote_migrate", {"delete": "1"}, Risk.DESTROY),
        ("POST", "/nodes/{node}/vzdump", {"vmid": "100", "mode": "snapshot"}, Risk.CHANGE),
        ("POST", "/nodes/{node}/vzdump", {"vmid": "100", "mode": "stop"}, Risk.DISRUPT),
        ("POST", "/nodes/{node}/vzdump", {"prune-backups": "keep-last=1"}, Risk.DESTROY),
        ("POST", "/nodes/{node}/vzdump", {"prune-backups": "keep-all=1"}, Risk.CHANGE),
        ("POST", "/nodes/{node}/vzdump", {"script": "/root/x"}, Risk.EXECUTE),
        ("PUT", f"{QEMU}/config", {"scsi3": "/dev/disk/by-id/x,size=8G"}, Risk.ACCESS),
        ("PUT", f"{QEMU}/config", {"scsi3": "size=8G,file=/dev/sda"}, Risk.ACCESS),
        ("PUT", f"{QEMU}/config", {"virtio15": "local:0,import-from=/root/x.img"}, Risk.ACCESS),
        ("PUT", f"{QEMU}/config", {"serial0": "/dev/ttyS0"}, Risk.ACCESS),
        ("PUT", f"{QEMU}/config", {"serial0": "socket"}, Risk.CHANGE),
        ("PUT", f"{QEMU}/config", {"scsi3": "local:8,import-from=nas:vm-100-disk-0"}, Risk.CHANGE),
        ("PUT", f"{QEMU}/config", {"ide2": "nas:iso/debian.iso,media=cdrom"}, Risk.CHANGE),
        ("PUT", f"{QEMU}/config", {"hostpci0": "0000:01:00"}, Risk.DISRUPT),
        ("POST", "/nodes/{node}/lxc", {"mp0": "/etc,mp=/mnt/etc"}, Risk.ACCESS),
        ("POST", "/nodes/{node}/lxc", {"mp12": "local:8,mp=/var/data"}, Risk.CHANGE),
        ("PUT", "/nodes/{node}/lxc/{vmid}/config", {"dev0": "/dev/dri/card0"}, Risk.ACCESS),
        ("PUT", "/cluster/ha/resources/{sid}", {"state": "started"}, Risk.CHANGE),
        ("PUT", "/cluster/ha/resources/{sid}", {"state": "stopped"}, Risk.DISRUPT),
        ("PUT", "/pools/{poolid}", {"vms": "100"}, Risk.ACCESS),
        ("PUT", "/storage/{storage}", {"delete": "encryption-key"}, Risk.DESTROY),
    ],
)
def test_parameters_raise_the_risk(method: str, template: str, data: dict[str, Any], risk: Risk) -> None:
    assert judge(method, template, **data) is risk


def test_a_parameter_that_raised_the_risk_is_named() -> None:
    judgement = reviewed_risks().judge("PUT", f"{QEMU}/config", {"delete": "scsi0"})
    assert judgement.why == "delete: deletes disks"


@pytest.mark.parametrize(
    ("method", "path", "risk"),
    [
        ("GET", "/nodes/{node}/qemu/{vmid}/brand-new", Risk.INSIDE),
        ("POST", "/nodes/{node}/qemu/{vmid}/brand-new", Risk.DESTROY),
        ("PUT", "/access/brand-new", Risk.ACCESS),
        ("PATCH", "/nodes/pve1/qemu/100/config", Risk.DESTROY),
        ("GET", "/nodes/pve1/qemu/100/config", Risk.INSIDE),
    ],
)
def test_what_nobody_has_reviewed_is_judged_upwards(method: str, path: str, risk: Risk) -> None:
    judgement = reviewed_risks().judge(method, path, {})
    assert (judgement.risk, judgement.reviewed) == (risk, False)


def test_an_unreviewed_call_is_raised_by_its_parameters_and_stays_unreviewed() -> None:
    judgement = reviewed_risks().judge("POST", "/nodes/{node}/qemu/{vmid}/brand-new", {"hookscript": "x"})
    assert (judgement.risk, judgement.reviewed) == (Risk.EXECUTE, False)


def test_names_of_path_parameters_make_no_difference() -> None:
    assert reviewed_risks().base("GET", "/nodes/{node}/hardware/pci/{pci-id-or-mapping}").reviewed
    assert reviewed_risks().base("GET", "/nodes/{node}/hardware/pci/{pciid}").reviewed


def test_alternatives_are_written_with_bars() -> None:
    assert list(expand("GET|PUT /a(|/(b|c{id}))")) == [
        f"{method} {path}" for method in ("GET", "PUT") for path in ("/a", "/a/b", "/a/c{}")
    ]


def test_an_endpoint_that_is_listed_twice_is_an_error(tmp_path: Any) -> None:
    entry = '[[entry]]\nrisk = "read"\nwhy = "x"\ncalls = ["GET /a"]\n'
    file = tmp_path / "risks.toml"
    file.write_text("raise = []\n" + entry + entry)
    with pytest.raises(ValueError, match="GET /a is listed twice"):
        RiskTable.load(file)


def test_the_table_ships_beside_the_snapshots() -> None:
    assert (data_directory() / "risks.toml").is_file()
