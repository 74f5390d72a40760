"""What calls do by the bundled reviews, with and without what is known of the live cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from example_counts import share_of
from proxmox_mcp.apidoc import Route, bundled_versions, load_index
from proxmox_mcp.apidoc.effects import bundled_effects, load_effects
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.effects import ALL_TARGETS, Judgement, judgement_of
from proxmox_mcp.policy.predicates import UNKNOWN, LiveFacts

if TYPE_CHECKING:
    from pathlib import Path

    from proxmox_mcp.apidoc.reviews import Review

INDEX = load_index(bundled_versions()[-1])
SOME = ApiPath.parse("/")
UNASKED = {Effect.READ, Effect.CHANGE}


def judged(method: str, path: str, facts: LiveFacts = UNKNOWN, /, **params: Any) -> Judgement:
    route = INDEX.route(path)
    template, path_params = (route.template, route.params) if isinstance(route, Route) else ("", {})
    data = {name.replace("__", "-"): value for name, value in params.items()}
    call = Call(method=method, path=ApiPath.parse(path), template=template, path_params=path_params, data=data)
    return judgement_of(call, bundled_effects(), facts)


def effects(method: str, path: str, facts: LiveFacts = UNKNOWN, /, **params: Any) -> set[str]:
    return {str(effect) for effect in judged(method, path, facts, **params).effects}


VM = "/nodes/pve1/qemu/100/config"
CT = "/nodes/pve1/lxc/200/config"


def test_the_samples_have_the_effects_that_somebody_who_knows_proxmox_gave_them(shared_data: Path) -> None:
    wrong = []
    lines = (shared_data / "effects" / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    for case in map(json.loads, lines):
        found = judged(case["method"], case["path"], **case["params"]).effects
        asked = bool(found - UNASKED)
        right = set(case["must"]) <= found and not set(case["must_not"]) & found
        if not right or case["confirm"] not in (None, asked):
            wrong.append((case, sorted(found)))
    assert len(lines) > 40
    assert not wrong


@pytest.mark.parametrize(
    ("method", "path", "params"),
    [
        ("POST", "/nodes/pve1/qemu/100/status/start", {}),
        ("POST", "/nodes/pve1/lxc/200/status/start", {}),
        ("POST", "/nodes/pve1/qemu/100/clone", {"newid": 101, "full": 1}),
        ("POST", "/nodes/pve1/qemu/100/snapshot", {"snapname": "before"}),
        ("PUT", "/nodes/pve1/qemu/100/resize", {"disk": "scsi0", "size": "+10G"}),
        ("PUT", VM, {"memory": 4096, "cores": 2, "onboot": 1, "tags": "a;b", "boot": "order=scsi0;net0"}),
        ("PUT", CT, {"memory": 2048, "cores": 2, "hostname": "web"}),
        ("POST", "/nodes/pve1/qemu/100/move_disk", {"disk": "scsi0", "storage": "ceph"}),
        ("POST", "/cluster/backup", {"vmid": "100", "storage": "nas", "prune-backups": "keep-all=1"}),
        ("PUT", "/cluster/backup/job1", {"schedule": "02:00"}),
        ("POST", "/pools", {"poolid": "staging"}),
        ("PUT", "/pools", {"poolid": "staging", "vms": "100", "delete": 1}),
        ("POST", "/cluster/ha/resources", {"sid": "vm:100"}),
        ("PUT", "/storage/nas", {"prune-backups": "keep-all=1"}),
        ("PUT", "/cluster/options", {"delete": "keyboard"}),
        ("POST", "/access/groups", {"groupid": "operators"}),
        ("POST", "/nodes/pve1/storage/local/content", {"filename": "x", "size": "1G", "vmid": 100}),
        (
            "POST",
            "/nodes/pve1/qemu",
            {
                "vmid": 120,
                "scsi0": "local-lvm:32",
                "net0": "virtio,bridge=vmbr0",
                "ide2": "local:iso/d.iso,media=cdrom",
            },
        ),
    ],
)
def test_ordinary_reversible_changes_are_not_asked_about(method: str, path: str, params: dict[str, Any]) -> None:
    assert judged(method, path, **params).effects <= UNASKED


@pytest.mark.parametrize(
    ("path", "params", "effect"),
    [
        (VM, {"agent": "0"}, "disrupt"),
        (VM, {"agent": "enabled=No"}, "disrupt"),
        (VM, {"agent": {"enabled": False}}, "disrupt"),
        (VM, {"agent": "1,freeze-fs-on-backup=0"}, "disrupt"),
        (VM, {"protection": False}, "expose"),
        (VM, {"protection": "0"}, "expose"),
        (VM, {"scsi3": "/dev/sdb"}, "access"),
        (VM, {"scsi3": "file=/dev/sdb"}, "access"),
        (VM, {"scsi3": "volume=/dev/sdb"}, "access"),
        (VM, {"scsi3": "local-lvm:0,import-from=/root/x.raw"}, "access"),
        (VM, {"cdrom": "/dev/sdb"}, "access"),
        (VM, {"unused0": "local:101/vm-101-disk-0.qcow2"}, "access"),
        (VM, {"unused0": "local:101/anything.qcow2"}, "access"),
        (VM, {"usb0": "1-2"}, "access"),
        (VM, {"usb0": "mapping=key"}, "access"),
        (VM, {"delete": ["scsi0", "net0"]}, "destroy"),
        (VM, {"delete": "onboot scsi0"}, "destroy"),
        (CT, {"mp0": "/etc,mp=/mnt"}, "access"),
        (CT, {"mp0": "volume=/etc,mp=/mnt"}, "access"),
        (CT, {"features": "keyctl=on"}, "access"),
        ("/access/domains/sso", {"issuer-url": ""}, "destroy"),
        ("/cluster/sdn/controllers/bgp1", {"peers": ""}, "destroy"),
        ("/cluster/mapping/pci/gpu", {"map": []}, "destroy"),
        ("/cluster/options", {"migration": "insecure"}, "expose"),
        ("/cluster/options", {"migration": "network=192.0.2.0/24,type=insecure"}, "expose"),
        ("/cluster/metrics/server/m", {"server": "192.0.2.1", "port": 1}, "outreach"),
        ("/cluster/metrics/server/m", {"server": "192.0.2.1", "port": 1}, "expose"),
        ("/cluster/ha/resources/vm:100", {"max_restart": "+00"}, "disrupt"),
        ("/cluster/ha/resources/vm:100", {"max_restart": "-0"}, "disrupt"),
        ("/cluster/firewall/options", {"enable": "-0"}, "expose"),
        ("/nodes/pve1/dns", {"search": "example.org"}, "disrupt"),
        ("/nodes/pve1/network/vmbr0", {"type": "bridge"}, "disrupt"),
    ],
)
def test_another_way_to_write_a_value_has_the_same_effect(path: str, params: dict[str, Any], effect: str) -> None:
    assert effect in effects("PUT", path, **params)


@pytest.mark.parametrize(
    ("method", "path", "params", "effect"),
    [
        ("POST", "/access/domains/office/sync", {"dry-run": 1, "remove-vanished": "entry"}, "destroy"),
        ("POST", "/access/domains/office/sync", {"dry-run": 1}, "access"),
        ("PUT", "/access/acl", {"path": "/vms/100", "users": "paul@pve", "roles": "NoAccess"}, "access"),
        ("PUT", "/nodes/pve1/qemu/100/sendkey", {"key": "ret"}, "disrupt"),
        ("PUT", CT, {"cmode": "tty"}, "access"),
    ],
)
def test_what_gives_and_takes_nothing_is_not_judged_as_if_it_did(
    method: str, path: str, params: dict[str, Any], effect: str
) -> None:
    assert effect not in effects(method, path, **params)


ROOT = "/access/users/root@pam"


@pytest.mark.parametrize(
    ("method", "path", "params", "effect"),
    [
        ("PUT", VM, {"delete": "cdrom"}, "destroy"),
        ("PUT", VM, {"delete": "vmstate"}, "destroy"),
        ("PUT", VM, {"delete": "onboot,hostdir0"}, "destroy"),
        ("PUT", VM, {"delete": "amd-sev"}, "expose"),
        ("PUT", VM, {"delete": "ipconfig0"}, "disrupt"),
        ("PUT", VM, {"ide2": "cdrom,media=cdrom"}, "access"),
        ("PUT", VM, {"rng0": "/dev/hwrng"}, "access"),
        ("PUT", VM, {"freeze": 1}, "disrupt"),
        ("PUT", VM, {"scsi0": "local-lvm:vm-100-disk-0,werror=ignore"}, "disrupt"),
        ("PUT", CT, {"features": "nesting=0"}, "disrupt"),
        ("POST", "/storage", {"storage": "s", "type": "lvm", "base": "iscsi:0.0.0.x", "vgname": "vg"}, "destroy"),
        ("POST", "/nodes/pve1/vzdump", {"vmid": "100", "remove": 0, "mailto": "a@example.org"}, "outreach"),
        ("PUT", "/cluster/notifications/endpoints/sendmail/x", {"mailto": "a@example.org"}, "outreach"),
        ("PUT", ROOT, {"email": "a@example.org"}, "outreach"),
        ("POST", "/cluster/firewall/ipset/blacklist", {"cidr": "0.0.0.0/0"}, "disrupt"),
        ("DELETE", "/cluster/firewall/ipset/blacklist/192.0.2.1", {}, "expose"),
        ("DELETE", "/cluster/firewall/aliases/office", {}, "expose"),
        ("DELETE", "/nodes/pve1/network/vmbr0", {}, "disrupt"),
        ("DELETE", "/access/roles/Operator", {}, "disrupt"),
        ("PUT", "/cluster/jobs/realm-sync/j", {"schedule": "daily", "enabled": 0}, "disrupt"),
        ("PUT", VM, {"scsi5": "local:0,import-from=local:101/any-name.qcow2"}, "inside"),
        ("PUT", CT, {"cmode": "shell"}, "access"),
        ("POST", "/nodes/pve1/lxc", {"vmid": 201, "ostemplate": "local:vztmpl/d.tar.zst", "cmode": "shell"}, "access"),
        ("PUT", "/cluster/options", {"delete": "webauthn"}, "disrupt"),
        ("PUT", "/access/domains/office", {"tfa": "type=oath"}, "disrupt"),
        ("DELETE", "/access/tfa/paul@pve/totp-1", {}, "expose"),
        ("PUT", "/access/tfa/paul@pve/totp-1", {"enable": 0}, "expose"),
        ("PUT", "/storage/pbs", {"delete": "encryption-key"}, "expose"),
        ("PUT", "/storage/pbs", {"password": "another"}, "disrupt"),
        ("POST", "/cluster/config/join", {"hostname": "192.0.2.1", "password": "x", "fingerprint": "AA"}, "disrupt"),
        ("PUT", "/nodes/pve1/qemu/100/sendkey", {"key": "ctrl-alt-delete"}, "disrupt"),
        ("PUT", "/nodes/pve1/qemu/100/sendkey", {"key": "alt-sysrq-b"}, "disrupt"),
        ("POST", "/access/domains/office/sync", {"dry-run": 0}, "access"),
        ("PUT", "/access/acl", {"path": "/", "users": "a@pve", "roles": "NoAccess,PVEAdmin"}, "access"),
    ],
)
def test_what_a_value_or_an_entry_takes_with_it_counts(
    method: str, path: str, params: dict[str, Any], effect: str
) -> None:
    assert effect in effects(method, path, **params)


@pytest.mark.parametrize(
    ("method", "path", "params"),
    [
        ("POST", "/nodes/pve1/qemu", {"vmid": 120, "protection": 0, "agent": "0"}),
        ("PUT", VM, {"rng0": "source=/dev/urandom"}),
        ("PUT", VM, {"delete": "description tags"}),
        ("PUT", "/access/users/paul@pve", {"email": "a@example.org"}),
        ("PUT", "/pools", {"poolid": "p", "vms": "100,101", "delete": 1}),
        (
            "POST",
            "/nodes/pve1/qemu/100/firewall/rules",
            {"type": "in", "action": "ACCEPT", "enable": 1, "source": "10.0.0.5,fe80::1/64,10.1.0.0/16"},
        ),
        ("POST", "/nodes/pve1/qemu/100/clone", {"newid": 120}),
        ("POST", "/nodes/pve1/qemu", {"vmid": 120, "pool": "lab"}),
    ],
)
def test_what_takes_nothing_with_it_stays_a_change(method: str, path: str, params: dict[str, Any]) -> None:
    assert effects(method, path, **params) == {"change"}


def test_deleting_what_the_identity_in_use_or_the_last_administrator_needs_disrupts() -> None:
    others = LiveFacts(identity="mcp@pve!agent", groups=frozenset({"agents"}), other_administrators=True)
    last = LiveFacts(identity="mcp@pve!agent", groups=frozenset({"agents"}), other_administrators=False)
    for own, other in (
        ("/access/users/mcp@pve", "/access/users/paul@pve"),
        ("/access/groups/agents", "/access/groups/guests"),
        ("/access/users/mcp@pve/token/agent", "/access/users/mcp@pve/token/other"),
    ):
        assert effects("DELETE", own, others) == {"destroy", "disrupt"}
        assert effects("DELETE", other, others) == {"destroy"}
    assert "disrupt" in effects("DELETE", "/access/users/paul@pve", last)
    assert "disrupt" in effects("DELETE", "/access/groups/guests", last)


def test_a_role_without_privileges_takes_them_from_everybody_who_has_it() -> None:
    assert "disrupt" in effects("PUT", "/access/roles/Operator", comment="x")
    assert "disrupt" in effects("PUT", "/access/roles/Operator", privs="VM.Audit")
    assert "disrupt" not in effects("PUT", "/access/roles/Operator", privs="VM.Audit", append=1)


def test_a_backup_prunes_unless_nothing_is_removed() -> None:
    backup = "/nodes/pve1/vzdump"
    assert "destroy" in effects("POST", backup, vmid="100")
    assert "destroy" in effects("POST", backup, vmid="100", remove=1)
    assert "destroy" in effects("POST", backup, vmid="100", prune__backups="keep-last=3")
    assert "destroy" in effects(
        "POST", backup, LiveFacts(retention=""), vmid="100", prune__backups="keep-all=1,keep-last=3"
    )
    assert "destroy" in effects("POST", backup, LiveFacts(retention="keep-last=7"), vmid="100")
    assert "destroy" not in effects("POST", backup, vmid="100", remove=0)
    assert "destroy" not in effects("POST", backup, LiveFacts(retention=""), vmid="100")
    assert "destroy" not in effects("POST", backup, LiveFacts(retention="keep-all=1"), vmid="100")


def test_what_is_known_of_a_guest_decides_what_a_disk_does() -> None:
    there = LiveFacts(config={"scsi0": "local-lvm:vm-100-disk-0,size=32G", "ide2": "local:iso/x.iso,media=cdrom"})
    assert "destroy" in effects("PUT", VM, there, scsi0="none,media=cdrom")
    assert "destroy" in effects("PUT", VM, there, scsi0="local-lvm:32")
    assert "destroy" not in effects("PUT", VM, there, scsi0="local-lvm:vm-100-disk-0,iothread=1")
    assert "destroy" not in effects("PUT", VM, there, scsi1="local-lvm:32")
    assert "destroy" not in effects("PUT", VM, there, ide2="none,media=cdrom")
    assert "destroy" not in effects("PUT", VM, there, cdrom="none")
    assert "destroy" in effects("PUT", VM, there, delete="scsi0")
    assert "destroy" not in effects("PUT", VM, there, delete="ide2")
    assert "destroy" not in effects("PUT", VM, there, delete="scsi5")


def test_a_linked_clones_disk_is_its_own() -> None:
    own = "local:90/base-90-disk-0.qcow2/100/vm-100-disk-0.qcow2"
    assert "access" not in effects("PUT", VM, LiveFacts(config={}), scsi1=own)


def test_what_is_known_of_a_network_card_decides_what_a_new_value_does() -> None:
    card = "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1"
    there = LiveFacts(config={"net0": card})
    assert effects("PUT", VM, there, net0=card) == {"change"}
    assert effects("PUT", VM, there, net1="virtio,bridge=vmbr0,firewall=1") == {"change"}
    assert effects("PUT", VM, there, net0=card.replace("vmbr0", "vmbr1")) == {"change", "disrupt"}
    assert "expose" in effects("PUT", VM, there, net0=card.removesuffix(",firewall=1"))


def test_taking_rights_is_a_change_unless_they_are_our_own_or_the_last() -> None:
    acl = {"path": "/", "users": "paul@pve", "roles": "Administrator", "delete": 1}
    others = LiveFacts(identity="mcp@pve!agent", groups=frozenset({"agents"}), other_administrators=True)
    assert effects("PUT", "/access/acl", others, **acl) == {"change"}
    assert effects("PUT", "/access/acl", others, **(acl | {"users": "mcp@pve"})) == {"change", "disrupt"}
    assert effects("PUT", "/access/acl", others, **(acl | {"users": "", "groups": "agents"})) == {"change", "disrupt"}
    assert effects("PUT", "/access/acl", others, **(acl | {"users": "", "groups": "x"})) == {"change"}
    last = LiveFacts(identity="mcp@pve!agent", groups=frozenset(), other_administrators=False)
    assert effects("PUT", "/access/acl", last, **acl) == {"change", "disrupt"}
    assert effects("PUT", "/access/users/paul@pve", others, enable=0) == {"change"}
    assert effects("PUT", "/access/users/mcp@pve", others, enable=0) == {"change", "disrupt"}
    assert "disrupt" in effects("PUT", "/access/users/mcp@pve/token/agent", others, privsep=1)
    assert "disrupt" not in effects("PUT", "/access/users/mcp@pve/token/other", others, privsep=1)


def test_members_of_a_pool_give_access_only_where_somebody_has_rights_on_it() -> None:
    assert effects("PUT", "/pools", LiveFacts(carries_rights=False), poolid="p", vms="100") == {"change"}
    assert effects("PUT", "/pools", LiveFacts(carries_rights=True), poolid="p", vms="100") == {"change", "access"}


def test_a_storage_loses_content_and_nodes_only_where_it_had_them() -> None:
    there = LiveFacts(config={"content": "iso,backup", "nodes": "pve1"})
    assert effects("PUT", "/storage/nas", there, content="backup,iso,images", nodes="pve1,pve2") == {"change"}
    assert effects("PUT", "/storage/nas", there, content="iso") == {"change", "disrupt"}
    assert effects("PUT", "/storage/nas", LiveFacts(config={}), nodes="pve1") == {"change", "disrupt"}


def test_what_is_sent_again_as_it_was_changes_nothing() -> None:
    job = LiveFacts(config={"mailto": "a@example.org", "prune-backups": "keep-last=3", "exclude": "105", "remove": 1})
    assert effects("PUT", "/cluster/backup/j", job, **job.config or {}) == {"change"}
    assert "disrupt" in effects("PUT", "/cluster/backup/j", job, exclude="106")
    assert "destroy" in effects("PUT", "/cluster/backup/j", job, prune__backups="keep-last=2")
    server = LiveFacts(config={"server": "192.0.2.1", "port": 8089})
    assert effects("PUT", "/cluster/metrics/server/m", server, server="192.0.2.1", port="8089", mtu=1400) == {"change"}
    assert effects("PUT", "/cluster/metrics/server/m", server, server="192.0.2.2", port=8089) >= {"outreach", "expose"}


def test_an_upload_destroys_only_what_has_its_name() -> None:
    upload = "/nodes/pve1/storage/local/upload"
    assert "destroy" in effects("POST", upload, content="iso", filename="a.iso")
    assert effects("POST", upload, LiveFacts(taken=False), content="iso", filename="a.iso") == {"change"}


def test_only_a_backup_of_more_than_it_names_is_open_ended() -> None:
    assert judged("POST", "/nodes/pve1/vzdump", vmid="100").open_ended == set()
    assert judged("POST", "/nodes/pve1/vzdump", all=1).open_ended == {"guest"}
    assert judged("POST", "/nodes/pve1/vzdump", all=0, vmid="1").open_ended == set()
    assert judged("POST", "/nodes/pve1/vzdump", pool="p").open_ended == {"guest", "pool"}


def test_what_nobody_reviewed_is_judged_upwards_at_its_place() -> None:
    write = judged("PUT", VM, memory=512, hostdir0="/etc")
    assert write.effects == {Effect.CHANGE, Effect.DESTROY}
    assert (write.reviewed, write.open_ended) == (False, ALL_TARGETS)
    assert write.undo
    assert [cause.parameter for cause in write.causes if cause.effect is Effect.DESTROY] == ["hostdir0"]
    assert effects("GET", VM, surprise=1) == {"read", "inside"}
    assert effects("POST", "/nodes/pve1/time-machine") == {"destroy"}
    assert effects("GET", "/nodes/pve1/time-machine") == {"inside"}
    assert effects("POST", "/nodes/pve1/qemu/100/agent") == {"destroy"}
    assert effects("POST", "/nodes/pve1/qemu/100/agent", command="fsfreeze-other") == {"execute"}


def test_null_is_not_given() -> None:
    assert effects("PUT", VM, args=None) == {"change"}
    assert "destroy" in effects("POST", "/nodes/pve1/vzdump", vmid="100", remove=None)


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("", "x", True),
        ("=1", True, True),
        ("=1", False, False),
        ("=1", "+1", True),
        ("=a", "b, a", True),
        ("!=a", "a", False),
        ("!=a", "a,b", True),
        ("!=a", "", True),
        ("!=a", ["a", "a"], False),
        ("~a+", "b aa", True),
        ("~a+", "aab", False),
        ("empty", " ", True),
        ("empty", [], True),
        ("empty", "0", False),
        ("absent", "x", False),
        ("absent", None, True),
        (".k=1", "k=yes", True),
        (".k=1", "k=0,k=1", True),
        (".k=1", "1", False),
        (".k!=1", "k=2", True),
        (".k!=1", "j=2", False),
        (".k", "k=", True),
        (".k-absent", "j=1", True),
        (".k-absent", "k=1", False),
        (".k~a.*", "k=abc", True),
        ("=1 and other =2", 1, True),
        ("=1 and other =3", 1, False),
        ("=1 and other", 1, True),
        ("=1 and another", 1, False),
        ("=1 and another absent", 1, True),
        ("=1 and thing =t", 1, True),
    ],
)
def test_a_condition_holds(tmp_path: Path, condition: str, value: object, holds: bool) -> None:
    line = f"@p {condition}".rstrip()
    text = f"PUT /x/{{thing}}\n  change: writes\n  undo none: never\n  {line}: destroy: it does\n  @p: -: it may not\n"
    (tmp_path / "x.txt").write_text(f"{text}  @other: -: another\n", encoding="utf-8")
    call = Call(
        method="PUT",
        path=ApiPath.parse("/x/t"),
        template="/x/{thing}",
        path_params={"thing": "t"},
        data={"p": value, "other": 2},
    )
    assert (Effect.DESTROY in judgement_of(call, load_effects(tmp_path)).effects) is holds


def writes() -> list[tuple[str, str, tuple[str, ...]]]:
    return [
        (each.method, each.path, tuple(sorted(name.replace("[n]", "0") for name in each.parameters)))
        for each in INDEX.endpoints
    ]


VALUES = st.one_of(
    st.sampled_from(
        ("", "0", "1", 0, 1, True, False, None, "none", "keep-all=1", "keep-last=1", "local-lvm:32", "/dev/sdb")
    ),
    st.sampled_from(
        ("scsi0,net0", "none,media=cdrom", "local:101/vm-101-disk-0.raw", "Administrator", "ACCEPT", "insecure")
    ),
    st.text(max_size=12),
    st.lists(st.sampled_from(("scsi0", "a", "1")), max_size=2),
)
FACTS = st.builds(
    lambda **given: LiveFacts(**given),  # hypothesis can't resolve the annotations of a Struct
    config=st.one_of(
        st.none(), st.just({}), st.just({"scsi0": "local-lvm:vm-100-disk-0", "net0": "virtio,firewall=1"})
    ),
    identity=st.sampled_from((None, "mcp@pve!agent")),
    groups=st.sampled_from((None, frozenset({"a"}))),
    other_administrators=st.sampled_from((None, True, False)),
    taken=st.sampled_from((None, True, False)),
    carries_rights=st.sampled_from((None, True, False)),
    retention=st.sampled_from((None, "", "keep-last=1")),
)


def defaults_that_act(review: Review) -> dict[str, set[str]]:
    """Parameters whose absence has effects, with the reasons: giving one puts its value in place of the default."""
    found: dict[str, set[str]] = {}
    for name, findings in review.parameters.items():
        for finding in findings:
            for condition in finding.conditions:
                if condition.test == "absent" and not condition.key:
                    found.setdefault(condition.parameter or name, set()).add(finding.why)
    return found


REPLACED_WITH_AN_INTERFACE = (
    *("address", "address6", "autostart", "bridge_ports", "bridge_vlan_aware"),
    *("cidr", "cidr6", "gateway", "gateway6", "ovs_bonds", "ovs_ports", "slaves"),
)
DEFAULTS_THAT_ACT = {
    "POST /access/domains/{}/sync: dry-run remove-vanished",
    "POST /cluster/jobs/realm-sync/{}: remove-vanished",
    "POST /cluster/acme/account: directory",
    "POST /cluster/backup: prune-backups remove",
    "POST /cluster/ceph/restart-bulk: dry-run",
    "POST /cluster/ha/rules: disable",
    "POST /cluster/sdn/dns: key",
    "POST /cluster/sdn/ipams: token",
    "POST /nodes/{}/ceph/restart-bulk: dry-run",
    "POST /nodes/{}/lxc: unique",
    "POST /nodes/{}/lxc/{}/firewall/rules: source",
    "POST /nodes/{}/qemu: unique",
    "POST /nodes/{}/qemu/{}/firewall/rules: source",
    "POST /nodes/{}/vzdump: prune-backups remove",
    "PUT /access/acl: delete roles",
    "PUT /access/domains/{}: client-key password",
    "PUT /access/roles/{}: append privs",
    "PUT /access/users/{}: append",
    "PUT /cluster/firewall/ipset/{}/{}: nomatch",
    "PUT /cluster/metrics/server/{}: otel-headers token",
    "PUT /cluster/notifications/endpoints/gotify/{}: token",
    "PUT /cluster/notifications/endpoints/smtp/{}: password",
    "PUT /cluster/sdn/dns/{}: key",
    "PUT /cluster/sdn/ipams/{}: token",
    "PUT /nodes/{}/dns: dns1 dns2 dns3",
    "PUT /nodes/{}/lxc/{}/firewall/ipset/{}/{}: nomatch",
    f"PUT /nodes/{{}}/network/{{}}: {' '.join(REPLACED_WITH_AN_INTERFACE)}",
    "PUT /nodes/{}/qemu/{}/firewall/ipset/{}/{}: nomatch",
    "PUT /pools: delete",
    "PUT /pools/{}: delete",
    "PUT /storage/{}: password",
}


def test_it_is_known_which_parameters_put_a_harmless_value_in_place_of_a_default_that_acts() -> None:
    """Whoever adds one to a call can take an effect away; each is named here, so that none comes unseen."""
    found = {
        f"{call}: {' '.join(sorted(names))}"
        for call, review in bundled_effects().calls.items()
        if (names := defaults_that_act(review))
    }
    assert found == DEFAULTS_THAT_ACT


NOTHING_GIVEN = "nothing that is given says what the call does: judged upwards"


def told_by_a_parameter() -> list[tuple[str, str, str, frozenset[str]]]:
    """Calls that do what a parameter says and nothing else: with the parameter, and all values that it may have."""
    return [
        (each.method, each.path, name, frozenset(each.parameters[name].enum))
        for each in INDEX.endpoints
        if (review := bundled_effects().of(each.method, each.path))
        and not any(finding.effects for finding in review.findings)
        for name, findings in review.parameters.items()
        if any(finding.effects for finding in findings)
    ]


def test_calls_that_do_what_a_parameter_says_are_known() -> None:
    found = [(method, path, name) for method, path, name, _ in told_by_a_parameter()]
    assert found == [("POST", "/nodes/{node}/qemu/{vmid}/agent", "command")]


@settings(max_examples=share_of(100), deadline=None)
@given(st.sampled_from(told_by_a_parameter()), st.one_of(st.just(""), st.text(), st.sampled_from(("get-x", "ping x"))))
def test_a_value_that_no_review_names_is_judged_upwards_where_it_says_what_the_call_does(
    call: tuple[str, str, str, frozenset[str]], value: str
) -> None:
    method, template, name, known = call
    for given_value in (value, [value], [*sorted(known)[:1], value], {value: value}, [], None):
        data = {name: given_value}
        made = Call(method=method, path=SOME, template=template, path_params={"vmid": "100"}, data=data)
        judgement = judgement_of(made, bundled_effects())
        assert value in known or judgement.effects - UNASKED, given_value


NAMES_ALL_THAT_IS_HIT = frozenset({"vms", "vmid"})
"""Without them an action on many guests is for all; with them for those that they name."""


@settings(max_examples=share_of(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_parameter_more_takes_no_effect_away_but_that_of_its_default(data: st.DataObject) -> None:
    reviews = bundled_effects()
    method, template, names = data.draw(st.sampled_from(writes()))
    free = [name for name in names if f"{{{name}}}" not in template]
    known = data.draw(st.dictionaries(st.sampled_from([*free, "surprise"]), VALUES, max_size=4)) if free else {}
    name = data.draw(st.sampled_from([*(each for each in free if each not in known), "unheard-of"]))
    facts = data.draw(FACTS)
    path_params = {"node": "pve1", "vmid": "100", "userid": "mcp@pve"}

    def of(params: dict[str, Any]) -> Judgement:
        call = Call(method=method, path=SOME, template=template, path_params=path_params, data=params)
        return judgement_of(call, reviews, facts)

    before, after = of(known), of({**known, name: data.draw(VALUES)})
    assert after.causes
    if {cause.why for cause in before.causes} == {NOTHING_GIVEN}:
        # Judged upwards for want of anything to judge: what is said of the parameter takes the place of that.
        assert after == before or {cause.parameter for cause in after.causes} == {name}
        return
    review = reviews.of(method, template)
    assert review
    assert {cause.why for cause in set(before.causes) - set(after.causes)} <= defaults_that_act(review).get(name, set())
    assert before.open_ended <= after.open_ended or name in NAMES_ALL_THAT_IS_HIT
    assert before.reviewed or not after.reviewed


@settings(max_examples=share_of(200), deadline=None)
@given(st.sampled_from(writes()), st.data())
def test_what_is_not_known_never_means_less_than_what_is(
    call: tuple[str, str, tuple[str, ...]], data: st.DataObject
) -> None:
    method, template, names = call
    free = [name for name in names if f"{{{name}}}" not in template]
    params = data.draw(st.dictionaries(st.sampled_from(free), VALUES, max_size=4)) if free else {}

    def under(facts: LiveFacts) -> frozenset[Effect]:
        path_params = {"vmid": "100", "userid": "a@pve"}
        call = Call(method=method, path=SOME, template=template, path_params=path_params, data=params)
        return judgement_of(call, bundled_effects(), facts).effects

    assert under(data.draw(FACTS)) <= under(LiveFacts())


def test_what_is_destroyed_for_good_stays_so_where_the_call_can_be_undone() -> None:
    job = judged("PUT", "/cluster/backup/job1", **{"prune-backups": "keep-last=1"})
    assert Effect.DESTROY in job.relieved().effects
    vm = judged("PUT", VM, scsi0="local-lvm:vm-100-disk-0,cache=none")
    assert Effect.DESTROY in vm.effects - vm.relieved().effects


@pytest.mark.parametrize("params", [{"cdrom": "/dev/sdb", "ide2": "none"}, {"ide2": "/dev/sdb", "cdrom": "none"}])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_parameter_that_is_given_by_two_names_counts_with_both_values(method: str, params: dict[str, Any]) -> None:
    assert "access" in effects(method, VM, **params)
    assert "access" in effects("POST", "/nodes/pve1/qemu", vmid=120, **params)


@pytest.mark.parametrize(
    "source", ["dc/office-lan", "office", "+dc/trusted", "10.0.0.5,+guests", "0.0.0.0-255.255.255.255"]
)
def test_a_rule_for_a_name_opens_the_guest_to_whatever_the_name_stands_for(source: str) -> None:
    rule = {"type": "in", "action": "ACCEPT", "enable": 1, "source": source}
    for kind in ("qemu/100", "lxc/200"):
        assert "expose" in effects("POST", f"/nodes/pve1/{kind}/firewall/rules", **rule)
        assert "expose" not in effects("POST", f"/nodes/pve1/{kind}/firewall/rules", **{**rule, "action": "DROP"})
        assert "expose" not in effects("POST", f"/nodes/pve1/{kind}/firewall/rules", **{**rule, "enable": 0})


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/nodes/pve1/qemu/100/clone", {"newid": 120}),
        ("/nodes/pve1/lxc/200/clone", {"newid": 220}),
        ("/nodes/pve1/qemu", {"vmid": 120, "archive": "nas:backup/vzdump-qemu-100-2026_01_01-00_00_00.vma.zst"}),
        ("/nodes/pve1/lxc", {"vmid": 220, "ostemplate": "nas:backup/vzdump-lxc-200-x.tar.zst", "restore": 1}),
    ],
)
def test_a_copy_in_a_pool_gives_what_it_holds_to_those_with_rights_on_the_pool(
    path: str, params: dict[str, Any]
) -> None:
    shared, private = LiveFacts(carries_rights=True), LiveFacts(carries_rights=False)
    assert "access" in effects("POST", path, shared, pool="lab", **params)
    assert "access" not in effects("POST", path, private, pool="lab", **params)
    assert "access" not in effects("POST", path, shared, **params)
