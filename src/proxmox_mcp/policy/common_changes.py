"""Forty changes that administrators make every day, and which of them `guarded` mode asks about: safety that asks for
everything gets switched off, so what is asked about is reviewed as carefully as what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from proxmox_mcp.apidoc import Route
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.policy.call import Call, judge
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.policy import Policy
from proxmox_mcp.policy.predicates import LiveFacts
from proxmox_mcp.policy.rules import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.apidoc.reviews import Reviews

VM = "/nodes/pve1/qemu/100"
CT = "/nodes/pve1/lxc/200"
USUAL = LiveFacts(
    config={
        "scsi0": "local-lvm:vm-100-disk-0,size=32G",
        "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1",
        "memory": 4096,
        "ide2": "none,media=cdrom",
    },
    identity="mcp@pve!agent",
    groups=frozenset(),
    other_administrators=True,
    carries_rights=False,
    retention="keep-all=1",
)
"""The live state that the table supposes: a guest with a disk and a card, a storage that keeps all backups, a pool on
which nobody has rights, more than one administrator."""


class CommonChange(Struct, frozen=True):
    """One change in words, and the call that makes it."""

    task: str
    method: str
    path: str
    data: Mapping[str, Any] = field(default_factory=dict)
    facts: LiveFacts = USUAL


COMMON_CHANGES = (
    CommonChange("start a VM", "POST", f"{VM}/status/start"),
    CommonChange("shut a VM down", "POST", f"{VM}/status/shutdown"),
    CommonChange("stop a VM", "POST", f"{VM}/status/stop"),
    CommonChange("reboot a container", "POST", f"{CT}/status/reboot"),
    CommonChange("clone a VM", "POST", f"{VM}/clone", {"newid": 150, "name": "copy", "full": 1}),
    CommonChange("take a snapshot", "POST", f"{VM}/snapshot", {"snapname": "before"}),
    CommonChange("go back to a snapshot", "POST", f"{VM}/snapshot/before/rollback"),
    CommonChange("delete a snapshot", "DELETE", f"{VM}/snapshot/before"),
    CommonChange("grow a disk", "PUT", f"{VM}/resize", {"disk": "scsi0", "size": "+10G"}),
    CommonChange("add a disk", "PUT", f"{VM}/config", {"scsi1": "local-lvm:32"}),
    CommonChange("remove a disk", "PUT", f"{VM}/config", {"delete": "scsi0"}),
    CommonChange("move a disk to another storage", "POST", f"{VM}/move_disk", {"disk": "scsi0", "storage": "ceph"}),
    CommonChange("set tags and notes", "PUT", f"{VM}/config", {"tags": "web;prod", "description": "x"}),
    CommonChange("give more memory and cores", "PUT", f"{VM}/config", {"memory": 8192, "cores": 4}),
    CommonChange("start at boot", "PUT", f"{VM}/config", {"onboot": 1}),
    CommonChange("put an ISO in", "PUT", f"{VM}/config", {"ide2": "local:iso/debian.iso,media=cdrom"}),
    CommonChange("add a network card", "PUT", f"{VM}/config", {"net1": "virtio,bridge=vmbr0,firewall=1"}),
    CommonChange(
        "move a card to another bridge",
        "PUT",
        f"{VM}/config",
        {"net0": "virtio=BC:24:11:00:00:01,bridge=vmbr1,firewall=1"},
    ),
    CommonChange("create a VM", "POST", "/nodes/pve1/qemu", {"vmid": 150, "scsi0": "local-lvm:32", "memory": 2048}),
    CommonChange(
        "create a container",
        "POST",
        "/nodes/pve1/lxc",
        {"vmid": 250, "ostemplate": "local:vztmpl/debian.tar.zst", "storage": "local-lvm"},
    ),
    CommonChange("delete a VM", "DELETE", VM, {"purge": 1}),
    CommonChange("migrate a VM", "POST", f"{VM}/migrate", {"target": "pve2", "online": 1}),
    CommonChange("make a template", "POST", f"{VM}/template"),
    CommonChange("back a guest up", "POST", "/nodes/pve1/vzdump", {"vmid": "100", "storage": "nas"}),
    CommonChange("delete a backup", "DELETE", "/nodes/pve1/storage/nas/content/nas:backup%2Fx.vma.zst"),
    CommonChange("add a backup job", "POST", "/cluster/backup", {"vmid": "100", "storage": "nas", "schedule": "02:00"}),
    CommonChange("change the time of a job", "PUT", "/cluster/backup/job1", {"schedule": "03:00"}),
    CommonChange("switch a job off", "PUT", "/cluster/backup/job1", {"enabled": 0}),
    CommonChange(
        "open a port of a VM to one network",
        "POST",
        f"{VM}/firewall/rules",
        {"type": "in", "action": "ACCEPT", "proto": "tcp", "dport": "443", "source": "10.20.0.0/16", "enable": 1},
    ),
    CommonChange("switch a VM's firewall off", "PUT", f"{VM}/firewall/options", {"enable": 0}),
    CommonChange("disable a user", "PUT", "/access/users/paul@pve", {"enable": 0}),
    CommonChange("create a user", "POST", "/access/users", {"userid": "lena@pve"}),
    CommonChange("give a role", "PUT", "/access/acl", {"path": "/vms/100", "users": "lena@pve", "roles": "PVEVMUser"}),
    CommonChange(
        "take a role away",
        "PUT",
        "/access/acl",
        {"path": "/vms/100", "users": "lena@pve", "roles": "PVEVMUser", "delete": 1},
    ),
    CommonChange("create a pool", "POST", "/pools", {"poolid": "lab"}),
    CommonChange("put guests into a pool", "PUT", "/pools", {"poolid": "lab", "vms": "100,101"}),
    CommonChange("let HA manage a VM", "POST", "/cluster/ha/resources", {"sid": "vm:100"}),
    CommonChange("replicate a VM", "POST", "/cluster/replication", {"id": "100-0", "target": "pve2", "type": "local"}),
    CommonChange(
        "fetch an ISO",
        "POST",
        "/nodes/pve1/storage/local/download-url",
        {"url": "https://example.org/x.iso", "filename": "x.iso", "content": "iso"},
    ),
    CommonChange("reboot a node", "POST", "/nodes/pve1/status", {"command": "reboot"}),
)


def asked_about(change: CommonChange, index: EndpointIndex, reviews: Reviews) -> tuple[str, ...]:
    """Why `guarded` asks before a change; empty where it does not ask."""
    path = ApiPath.parse(change.path)
    route = index.route(path)
    template, places = (route.template, route.params) if isinstance(route, Route) else ("", {})
    call = Call(method=change.method, path=path, template=template, path_params=places, data=change.data)
    decision = Policy(Mode.GUARDED).decide(judge(call, reviews, change.facts))
    if decision.verdict is Verdict.ALLOW:
        return ()
    return tuple(f"**{cause.effect}**: {cause.why}" for cause in decision.causes)


def render(index: EndpointIndex, reviews: Reviews) -> Iterator[str]:
    """The table as lines of Markdown."""
    yield "| change | asked | why |"
    yield "|---|---|---|"
    for change in COMMON_CHANGES:
        reasons = asked_about(change, index, reviews)
        yield f"| {change.task} | {'yes' if reasons else ''} | {'; '.join(reasons)} |"


__all__ = ["COMMON_CHANGES", "CommonChange", "asked_about", "render"]
