"""Mass and indirect actions: everything that they hit, one by one, and bound to that list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.confirm.statement import Statement, differences_of, state
from proxmox_mcp.errors import FailedError
from proxmox_mcp.gateway.backup_runs import doomed
from proxmox_mcp.gateway.live_facts import read_facts
from proxmox_mcp.gateway.live_state import LiveState
from proxmox_mcp.policy.call import Call, judge
from proxmox_mcp.policy.effects import needed
from proxmox_mcp.record.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Any]]

pytestmark = pytest.mark.anyio


def call(method: str, template: str, data: dict[str, Any] | None = None, **places: str) -> Call:
    made = Call(
        method=method,
        path=ApiPath.parse(template.format(**places)),
        template=template,
        path_params=places,
        data=data or {},
    )
    return judge(made, bundled_effects())


async def hit(scripted: Scripted, made: Call, answers: dict[str, Any] | None = None) -> list[str]:
    cluster, _ = scripted(answers or {})
    live = LiveState(made, cluster)
    return [f"{each.kind} {each.id}" for each in await live.subjects(backups=False)]


async def test_stopping_a_node_names_every_guest_that_runs_there(scripted: Scripted) -> None:
    found = await hit(scripted, call("POST", "/nodes/{node}/stopall", node="pve2"))
    assert found == ["node pve2", "VM 102", "container 103", "container 104"]
    assert "VM 102" in await hit(scripted, call("POST", "/nodes/{node}/status", {"command": "reboot"}, node="pve2"))


async def test_a_bulk_action_without_guests_names_those_of_all_nodes(scripted: Scripted) -> None:
    found = await hit(scripted, call("POST", "/cluster/bulk-action/guest/shutdown"))
    assert found == ["VM 100", "VM 101", "VM 102", "container 103", "container 104", "VM 105"]


async def test_a_backup_of_all_but_some_and_of_a_pool_names_its_guests(scripted: Scripted) -> None:
    made = call("POST", "/nodes/{node}/vzdump", {"all": "1", "exclude": "100", "remove": "0"}, node="pve1")
    assert "VM 101" in await hit(scripted, made)
    of_pool = call("POST", "/cluster/backup", {"pool": "production", "storage": "nas", "remove": 0})
    assert await hit(scripted, of_pool) == ["storage nas", "VM 100"]


async def test_a_job_that_changes_names_the_guests_of_before_and_afterwards(scripted: Scripted) -> None:
    job = {"/cluster/backup/j": {"id": "j", "vmid": "100,101", "storage": "nas"}}
    gone = await hit(scripted, call("DELETE", "/cluster/backup/{id}", id="j"), job)
    assert gone == ["VM 100", "VM 101"]
    other = call("PUT", "/cluster/backup/{id}", {"vmid": "102"}, id="j")
    assert {"VM 100", "VM 101"} < set(await hit(scripted, other, job))


async def test_pruning_names_every_backup_that_would_go(scripted: Scripted) -> None:
    path = "/nodes/pve1/storage/nas/prunebackups"
    marks = [
        {"volid": "nas:backup/a", "mark": "remove", "vmid": 100},
        {"volid": "nas:backup/b", "mark": "keep", "vmid": 100},
        {"volid": "nas:backup/c", "mark": "remove", "vmid": 102},
    ]
    made = call(
        "DELETE",
        "/nodes/{node}/storage/{storage}/prunebackups",
        {"prune-backups": "keep-last=1"},
        node="pve1",
        storage="nas",
    )
    cluster, script = scripted({path: marks})
    told = [f"{each.kind} {each.id}" for each in await LiveState(made, cluster).subjects()]
    assert told == ["storage nas", "backup nas:backup/a", "backup nas:backup/c"]
    assert ("GET", path, {"prune-backups": "keep-last=1"}) in script.asked


def backup(name: str, vmid: int, ctime: int, mark: str = "keep", kind: str = "qemu") -> dict[str, Any]:
    return {"volid": f"nas:backup/{name}", "vmid": vmid, "type": kind, "ctime": ctime, "mark": mark}


NOW = 1_795_862_400
ZONE = {"timezone": "Europe/Berlin", "time": NOW, "localtime": NOW + 3600}
KEPT = [
    *(backup(f"vm100-{day}", 100, NOW - day * 86_400) for day in (1, 2, 3)),
    backup("protected", 100, NOW - 90 * 86_400, "protected"),
    backup("another's", 101, NOW - 9 * 86_400),
]
PRUNE = "/nodes/pve1/storage/nas/prunebackups"
LAST = {"vmid": "100", "storage": "nas", "prune-backups": "keep-last=3"}


async def test_a_backup_names_the_older_ones_that_go_once_it_is_there(scripted: Scripted) -> None:
    made = call("POST", "/nodes/{node}/vzdump", LAST, node="pve1")
    cluster, script = scripted({PRUNE: KEPT})
    told = [str(each) for each in await LiveState(made, cluster).subjects(backups=False)]
    assert told[-1] == "backup nas:backup/vm100-3: of 100"
    assert sum(each.startswith("backup") for each in told) == 1
    assert ("GET", PRUNE, {"prune-backups": "keep-last=3"}) in script.asked


@pytest.mark.parametrize(
    ("data", "answers", "removes"),
    [
        ({}, {PRUNE: KEPT}, True),
        ({}, {PRUNE: KEPT[1:]}, False),
        ({"protected": 1}, {PRUNE: KEPT}, False),
        ({"remove": 0}, {}, False),
        ({"prune-backups": "keep-all=1"}, {}, False),
        ({"prune-backups": {"keep-last": 9}}, {PRUNE: KEPT}, False),
        ({"prune-backups": "keep-last=9,keep-last=1"}, {PRUNE: KEPT}, True),
        ({"prune-backups": "keep-last=x"}, {PRUNE: KEPT}, None),
        ({"prune-backups": "nonsense"}, {PRUNE: KEPT}, None),
        ({"storage": None}, {PRUNE: KEPT}, None),
        ({"vmid": "100,999"}, {PRUNE: KEPT}, None),
        ({"vmid": None, "pool": "production"}, {PRUNE: KEPT}, True),
        ({"dumpdir": "/srv"}, {PRUNE: KEPT}, None),
        ({}, {PRUNE: [{**KEPT[0], "ctime": "yesterday"}]}, None),
        ({"prune-backups": "keep-daily=9"}, {PRUNE: KEPT, "/nodes/pve1/time": ZONE}, False),
        ({"prune-backups": "keep-daily=2"}, {PRUNE: KEPT, "/nodes/pve1/time": ZONE}, True),
        ({"prune-backups": "keep-daily=9"}, {PRUNE: KEPT, "/nodes/pve1/time": {}}, None),
    ],
)
async def test_a_backup_destroys_only_where_backups_would_go(
    scripted: Scripted, data: dict[str, Any], answers: dict[str, Any], removes: bool | None
) -> None:
    given = {name: value for name, value in {**LAST, **data}.items() if value is not None}
    for method, template, places in (
        ("POST", "/nodes/{node}/vzdump", {"node": "pve1"}),
        ("POST", "/cluster/backup", {}),
    ):
        made = call(method, template, given, **places)
        cluster, _ = scripted(answers)
        gone = await doomed(LiveState(made, cluster))
        assert (None if gone is None else bool(gone)) == removes
        live = LiveState(made, scripted(answers)[0])
        facts = await read_facts(needed(made, bundled_effects()), live)
        effects = judge(made, bundled_effects(), facts).judgement.effects
        assert (Effect.DESTROY in effects) == (removes is not False)


async def test_a_new_retention_of_a_job_destroys_only_where_backups_would_go(scripted: Scripted) -> None:
    job = {"id": "j", "vmid": "100", "storage": "nas", "prune-backups": "keep-last=9"}
    for keep, destroys in (("keep-last=7", False), ("keep-last=2", True)):
        made = call("PUT", "/cluster/backup/{id}", {"prune-backups": keep}, id="j")
        live = LiveState(made, scripted({PRUNE: KEPT, "/cluster/backup/j": job})[0])
        facts = await read_facts(needed(made, bundled_effects()), live)
        assert (Effect.DESTROY in judge(made, bundled_effects(), facts).judgement.effects) == destroys


async def test_an_identity_that_does_not_see_all_guests_never_lists_all_of_them(scripted: Scripted) -> None:
    made = call("POST", "/nodes/{node}/stopall", node="pve2")
    for rights, unlisted in (({"/": {"VM.Audit": 1}}, []), ({"/vms/102": {"VM.Audit": 1}}, ["guest"])):
        cluster, _ = scripted({"/access/permissions": rights}, identity="agent@pve")
        live = LiveState(made, cluster)
        await live.subjects()
        assert live.unlisted() == unlisted


CONFIGURATIONS: dict[str, Any] = {
    "/nodes/pve1/qemu/100/config": {"hostpci0": "mapping=gpu,pcie=1", "net0": "virtio=AA,bridge=lan,firewall=1"},
    "/nodes/pve1/qemu/101/config": {"usb0": "mapping=gpu", "virtiofs0": "share", "net0": "virtio=AB,bridge=vmbr0"},
    "/nodes/pve2/qemu/102/config": {"hostpci0": "0000:01:00", "net1": "virtio=AC,bridge=vmbr0,firewall=1"},
    "/nodes/pve2/lxc/103/config": {"net0": "name=eth0,bridge=lan,firewall=0"},
    "/nodes/pve2/lxc/104/config": {"hostname": "lan"},
    "/nodes/pve3/qemu/105/config": {},
    "/nodes/pve1/qemu/100/firewall/options": {"enable": 1},
    "/nodes/pve2/qemu/102/firewall/options": {"enable": 0},
}


@pytest.mark.parametrize(
    ("method", "template", "places", "found"),
    [
        ("PUT", "/cluster/mapping/pci/{id}", {"id": "gpu"}, ["VM 100"]),
        ("DELETE", "/cluster/mapping/usb/{id}", {"id": "gpu"}, ["VM 101"]),
        ("DELETE", "/cluster/mapping/dir/{id}", {"id": "share"}, ["VM 101"]),
        ("DELETE", "/cluster/mapping/pci/{id}", {"id": "unused"}, []),
        ("DELETE", "/cluster/sdn/vnets/{vnet}", {"vnet": "lan"}, ["VM 100", "container 103"]),
        ("PUT", "/cluster/firewall/options", {}, ["VM 100"]),
        (
            "DELETE",
            "/nodes/{node}/network/{iface}",
            {"node": "pve1", "iface": "vmbr0"},
            ["node pve1", "VM 100", "VM 101"],
        ),
        ("PUT", "/nodes/{node}/network", {"node": "pve1"}, ["node pve1", "VM 100", "VM 101"]),
    ],
)
async def test_guests_that_use_what_changes_are_named(
    scripted: Scripted, method: str, template: str, places: dict[str, str], found: list[str]
) -> None:
    assert await hit(scripted, call(method, template, None, **places), CONFIGURATIONS) == found


async def test_a_guest_whose_configuration_cannot_be_read_may_use_a_mapping(scripted: Scripted) -> None:
    made = call("DELETE", "/cluster/mapping/pci/{id}", id="unused")
    lost = {**CONFIGURATIONS, "/nodes/pve3/qemu/105/config": FailedError("lost")}
    (told,) = await LiveState(made, scripted(lost)[0]).subjects()
    assert str(told) == "VM 105: its state could not be read (lost)"


async def test_of_many_guests_it_stays_open_which_ones_use_a_mapping(scripted: Scripted) -> None:
    many = [
        {"type": "qemu", "vmid": vmid, "name": "x", "node": "pve1", "status": "running"} for vmid in range(100, 200)
    ]
    cluster, script = scripted({"/cluster/resources": many})
    live = LiveState(call("DELETE", "/cluster/mapping/pci/{id}", id="gpu"), cluster)
    assert await live.subjects() == []
    assert "guest" in live.unlisted()
    assert not any(path.endswith("/config") for path in script.paths)


async def test_the_end_of_a_pool_of_ceph_names_the_storages_on_it_with_their_guests(scripted: Scripted) -> None:
    answers = {
        "/storage": [
            {"storage": "nas", "type": "rbd", "pool": "vms"},
            {"storage": "local", "type": "dir"},
            {"storage": "other", "type": "rbd", "pool": "others"},
        ],
        "/nodes/pve1/storage/nas/content": [{"volid": "nas:vm-100-disk-0", "content": "images", "vmid": 100}],
        "/cluster/backup": [],
    }
    made = call("DELETE", "/nodes/{node}/ceph/pool/{name}", node="pve1", name="vms")
    cluster, _ = scripted(answers)
    live = LiveState(made, cluster)
    told = [f"{each.kind} {each.id}" for each in await live.subjects()]
    assert told == ["node pve1", "storage nas", "VM 100"]
    assert live.unlisted() == ["guest", "storage"]


async def test_rights_on_a_pool_name_its_guests(scripted: Scripted) -> None:
    made = call("PUT", "/access/acl", {"path": "/pool/production", "users": "lena@pve", "roles": "PVEVMUser"})
    assert await hit(scripted, made) == ["VM 100"]


async def test_removing_a_storage_names_its_guests_backups_and_jobs(scripted: Scripted) -> None:
    answers = {
        "/nodes/pve1/storage/nas/content": [
            {"volid": "nas:100/vm-100-disk-0.qcow2", "content": "images", "vmid": 100},
            {"volid": "nas:backup/b", "content": "backup", "vmid": 101},
        ],
        "/cluster/backup": [{"id": "nightly", "storage": "nas"}, {"id": "other", "storage": "local"}],
    }
    found = await hit(scripted, call("DELETE", "/storage/{storage}", storage="nas"), answers)
    assert found == ["storage nas", "VM 100", "backup nas:backup/b", "backup job nightly"]


async def test_deleting_a_group_or_user_names_members_tokens_and_entries_of_the_acl(scripted: Scripted) -> None:
    acl = [
        {"path": "/vms", "ugid": "ops", "type": "group", "roleid": "PVEVMAdmin"},
        {"path": "/", "ugid": "paul@pve!ci", "type": "token", "roleid": "PVEAuditor"},
        {"path": "/", "ugid": "ops", "type": "user", "roleid": "PVEAuditor"},
    ]
    group = {"/access/acl": acl, "/access/groups/ops": {"members": ["anna@pve", "ben@pve"]}}
    found = await hit(scripted, call("DELETE", "/access/groups/{groupid}", groupid="ops"), group)
    assert found == ["user anna@pve", "user ben@pve", "ACL entry /vms"]
    user = {"/access/acl": acl, "/access/users/paul@pve": {"tokens": {"ci": {}}}}
    found = await hit(scripted, call("DELETE", "/access/users/{userid}", userid="paul@pve"), user)
    assert found == ["token paul@pve!ci", "ACL entry /"]


async def test_what_cannot_be_read_is_said_and_is_another_fingerprint(scripted: Scripted) -> None:
    made = call("DELETE", "/storage/{storage}", storage="nas")

    async def stated(jobs: Any) -> Statement:
        cluster, _ = scripted({"/nodes/pve1/storage/nas/content": [], "/cluster/backup": jobs})
        return state(made, await LiveState(made, cluster).subjects(), Redactor())

    none, one, unread = (
        await stated([]),
        await stated([{"id": "j", "storage": "nas"}]),
        await stated(FailedError("lost")),
    )
    assert "its state could not be read (lost)" in unread.text
    assert len({each.fingerprint() for each in (none, one, unread)}) == 3


async def stated(scripted: Scripted, made: Call, answers: dict[str, Any]) -> Statement:
    cluster, _ = scripted(answers)
    live = LiveState(made, cluster)
    return state(made, await live.subjects(), Redactor(), differences_of(made, await live.configuration(), Redactor()))


RULES = [
    {"action": "ACCEPT", "type": "in", "dport": "22", "enable": 1, "digest": "a1"},
    {"action": "DROP", "type": "in", "enable": 1, "digest": "a2"},
]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("of", ["/cluster", "/nodes/{node}", "/nodes/{node}/lxc/{vmid}"])
async def test_a_rule_is_told_by_what_it_says_and_the_confirmation_is_for_that_rule(
    scripted: Scripted, method: str, of: str
) -> None:
    template = f"{of}/firewall/rules/{{pos}}"
    made = call(method, template, {"enable": "0"} if method == "PUT" else {}, node="pve2", vmid="103", pos="0")
    ssh, all_ = [await stated(scripted, made, {made.path.text: rule}) for rule in RULES]
    assert "22" in ssh.text
    assert "digest" not in ssh.text
    assert ssh.fingerprint() != all_.fingerprint()
    again = await stated(scripted, made, {made.path.text: {**RULES[0], "digest": "b"}})
    assert again.fingerprint() == ssh.fingerprint()


async def test_the_end_of_an_entry_shows_all_of_it(scripted: Scripted) -> None:
    made = call("DELETE", "/cluster/backup/{id}", id="nightly")
    told = await stated(
        scripted,
        made,
        {"/cluster/backup/nightly": {"id": "nightly", "vmid": "100", "schedule": "02:00", "comment": ""}},
    )
    assert '- schedule: "02:00" → unset' in told.text
    assert '- vmid: "100" → unset' in told.text
    assert "comment" not in told.text


async def test_rights_are_told_with_the_privileges_of_a_role_that_somebody_made(scripted: Scripted) -> None:
    made = call("PUT", "/access/acl", {"path": "/vms/100", "users": "bob@pve", "roles": "Helper,PVEAuditor"})
    few, many, unread = [
        await stated(scripted, made, {"/access/roles": roles})
        for roles in (
            [{"roleid": "Helper", "privs": "VM.Audit"}, {"roleid": "PVEAuditor", "privs": "Sys.Audit", "special": 1}],
            [{"roleid": "Helper", "privs": "VM.Audit,Permissions.Modify"}],
            FailedError("lost"),
        )
    ]
    assert "- role Helper: privileges VM.Audit" in few.text
    assert "Permissions.Modify" in many.text
    assert "role Helper: its state could not be read (lost)" in unread.text
    assert "role PVEAuditor" not in few.text + many.text + unread.text
    assert len({each.fingerprint() for each in (few, many, unread)}) == 3


async def test_rights_of_a_group_are_told_with_its_members(scripted: Scripted) -> None:
    made = call("PUT", "/access/acl", {"path": "/", "groups": "ops", "roles": "Administrator"})
    told = await stated(scripted, made, {"/access/groups": [{"groupid": "ops", "users": "eve@pve,bob@pve"}]})
    assert '- group ops: members "bob@pve, eve@pve"' in told.text
    unread = await stated(scripted, made, {"/access/groups": FailedError("lost")})
    assert "group ops: its state could not be read (lost)" in unread.text


@pytest.mark.parametrize(
    ("method", "template", "places"),
    [("PUT", "/access/users/{userid}", {"userid": "bob@pve"}), ("POST", "/access/users", {})],
)
async def test_a_group_is_told_with_what_it_gives(
    scripted: Scripted, method: str, template: str, places: dict[str, str]
) -> None:
    made = call(method, template, {"groups": "ops"}, **places)
    acl = [{"type": "group", "ugid": "ops", "path": "/", "roleid": "Administrator"}]
    nothing, all_ = [await stated(scripted, made, {"/access/acl": entries}) for entries in ([], acl)]
    assert "- group ops: gives nothing" in nothing.text
    assert "Administrator on /" in all_.text
    assert nothing.fingerprint() != all_.fingerprint()


async def test_the_privileges_of_a_role_are_told_as_they_are_before(scripted: Scripted) -> None:
    made = call("PUT", "/access/roles/{roleid}", {"privs": "VM.Audit,VM.Console"}, roleid="Helper")
    told = await stated(scripted, made, {"/access/roles/Helper": {"VM.Audit": 1}, "/access/acl": []})
    assert '- privs: "VM.Audit" → "VM.Audit,VM.Console"' in told.text


@pytest.mark.parametrize(
    ("template", "data", "places"),
    [
        ("/storage/{storage}", {"password": "s3cret-word"}, {"storage": "pbs"}),
        ("/pools/{poolid}", {"vms": "141"}, {"poolid": "shop"}),
        ("/cluster/firewall/aliases/{name}", {"rename": "lan2"}, {"name": "lan"}),
    ],
)
async def test_of_a_value_that_no_read_shows_nothing_is_said_of_before(
    scripted: Scripted, template: str, data: dict[str, Any], places: dict[str, str]
) -> None:
    made = call("PUT", template, data, **places)
    told = await stated(scripted, made, {made.path.text: {"comment": "x"}})
    assert "unset" not in told.text
    assert f"- {next(iter(data))} = " in told.text


async def test_a_confirmation_is_for_the_values_that_are_replaced(scripted: Scripted) -> None:
    made = call("PUT", "/nodes/{node}/qemu/{vmid}/config", {"memory": "4096"}, node="pve1", vmid="100")
    small, large = [
        await stated(scripted, made, {made.path.text: {"name": "web-01", "memory": size}}) for size in ("512", "8192")
    ]
    assert small.fingerprint() != large.fingerprint()


async def test_a_repository_is_told_by_what_it_is_and_the_confirmation_is_for_that_one(scripted: Scripted) -> None:
    path = "/etc/apt/sources.list"
    made = call("POST", "/nodes/{node}/apt/repositories", {"path": path, "index": "1", "enabled": "1"}, node="pve1")
    debian = {"Types": ["deb"], "URIs": ["http://deb.example.org"], "Suites": ["trixie"], "Enabled": 1}
    other = {**debian, "URIs": ["http://elsewhere.example.org"]}
    near, far, none, unread = [
        await stated(scripted, made, {made.path.text: answer})
        for answer in (
            {"files": [{"path": path, "repositories": [debian, debian]}]},
            {"files": [{"path": path, "repositories": [debian, other]}]},
            {"files": [{"path": path, "repositories": [debian]}]},
            FailedError("lost"),
        )
    ]
    assert "http://deb.example.org" in near.text
    assert "http://elsewhere.example.org" in far.text
    assert "the file has no repository at this position" in none.text
    assert "could not be read (lost)" in unread.text
    assert len({each.fingerprint() for each in (near, far, none)}) == 3
