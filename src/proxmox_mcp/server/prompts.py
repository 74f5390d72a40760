"""Prompts, for people: common tasks that need several calls, described so that a model needs few."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import mcp_types as types
from mcp.shared.exceptions import MCPError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Prompt:
    """``description`` is what a person chooses by. ``arguments`` are described by name; all are required.

    ``text`` holds them in braces.
    """

    name: str
    title: str
    description: str
    text: str
    arguments: Mapping[str, str] = field(default_factory=dict)


PROMPTS = (
    Prompt(
        "cluster_health",
        "Health of the cluster",
        "Nodes, quorum, storages, disks, failed tasks and HA: what needs attention, worst first",
        "Look after the health of this Proxmox cluster. Use list_nodes; get_cluster_resources type=storage filter "
        "`disk>80%`; proxmox_api_get /cluster/status for quorum; /cluster/tasks filter `status!=OK`; "
        "/nodes/*/disks/list filter `health!=PASSED` fields node,devpath,health; /cluster/ha/status/current. "
        "Then say in a few lines what needs attention, worst first, and what you would do. Change nothing.",
    ),
    Prompt(
        "missing_backups",
        "What has no backup",
        "Guests in no backup job, and those whose newest backup is missing or old",
        "Find the guests without a backup. proxmox_api_get /cluster/backup-info/not-backed-up names those in no job; "
        '/nodes/*/storage/*/content data {"content": "backup"} fields vmid,ctime,volid shows what there is. List '
        "guests in no job, and guests whose newest backup is older than seven days or missing. Propose a job. "
        "Change nothing before I agree.",
    ),
    Prompt(
        "make_room",
        "Make room on a storage",
        "What could go from a full storage, and how much that frees",
        "Storage `{storage}` is full. With proxmox_api_get look at /nodes/*/storage/{storage}/content, sorted in your "
        "head by size: backups beyond the newest few, ISOs and templates that nothing uses, disks of guests that are "
        "gone. Say what could go and how much that frees. Delete nothing before I agree to each.",
        {"storage": "name of the storage"},
    ),
    Prompt(
        "node_maintenance",
        "Prepare a node for maintenance",
        "Plan where each running guest of a node goes, then migrate them",
        "Prepare node `{node}` for maintenance without downtime. List its running guests with get_cluster_resources "
        "type=vm filter `node={node} and status=running`; check quorum without it (/cluster/status) and room on the "
        "other nodes (list_nodes); for each VM ask /nodes/{node}/qemu/VMID/migrate what prevents a move. "
        "Propose where each goes; after I agree, migrate them and report each task's end.",
        {"node": "name of the node"},
    ),
    Prompt(
        "failed_task",
        "Look into a failed task",
        "Find a failed task and its log, and say why it failed",
        "Find out why this failed: {what}. Use proxmox_api_get /cluster/tasks filter `status!=OK` to find the task, "
        "then /nodes/NODE/tasks/UPID/log for its log. Say what went wrong, why, and how to put it right. Change "
        "nothing before I agree.",
        {"what": "the guest, task or job that failed"},
    ),
)

_GUEST = {"guest": "id or name of the guest"}
IN_GUESTS = (
    Prompt(
        "update_guest",
        "Update a guest",
        "Snapshot, package updates, services before and after, what needs a restart",
        "Update the packages of guest `{guest}`. First, with guest_exec: which package manager it has, what would be "
        "updated, and `systemctl list-units --type=service --state=running --no-legend --plain`. Show me the plan: a "
        "snapshot (POST .../snapshot, named after today), the update with timeout 600, then the comparison. After I "
        "agree: carry it out, list the services that no longer run, what needs a restart (`needrestart -b`, "
        "/var/run/reboot-required), and whether the snapshot can go. Roll back only when I say so.",
        _GUEST,
    ),
    Prompt(
        "what_fills_the_disk",
        "Find what fills a disk",
        "Largest directories, deleted files that are still open, logs and caches of a guest",
        "The disk of guest `{guest}` is filling. With guest_exec run `df -h`, `du -xh --max-depth=2 / | sort -h | tail "
        "-n 25`, `journalctl --disk-usage`, and look for deleted files that are still open (/proc/*/fd). Say what "
        "takes the room, what could go and how much that frees. Delete nothing before I agree to each.",
        _GUEST,
    ),
    Prompt(
        "service_does_not_start",
        "Why a service does not start",
        "Status, log, unit and configuration check of a service in a guest",
        "Service `{service}` in guest `{guest}` does not start. With guest_exec look at `systemctl status {service} "
        "--no-pager -l`, `journalctl -u {service} -n 50 --no-pager`, `systemctl cat {service}`, and run the program's "
        "own check of its configuration if it has one. Say why it fails and what to change. Change nothing before I "
        "agree.",
        {**_GUEST, "service": "name of the service"},
    ),
    Prompt(
        "expiring_certificates",
        "Certificates that run out",
        "TLS certificates in a guest with their dates, soonest first",
        "List the TLS certificates of guest `{guest}` with guest_exec: files below /etc/letsencrypt/live, /etc/ssl and "
        "/etc/pki (`openssl x509 -noout -enddate -subject`), and those that its listening ports show (`openssl "
        "s_client`). Give name, place and last day, soonest first, and how each is renewed. Change nothing.",
        _GUEST,
    ),
)
"""For servers where ``guest_exec`` is switched on."""


def listed(*, guest_commands: bool = False) -> list[types.Prompt]:
    """All prompts, for ``prompts/list``."""
    return [
        types.Prompt(
            name=prompt.name,
            title=prompt.title,
            description=prompt.description,
            arguments=[
                types.PromptArgument(name=name, description=says, required=True)
                for name, says in prompt.arguments.items()
            ],
        )
        for prompt in (*PROMPTS, *(IN_GUESTS if guest_commands else ()))
    ]


def get(name: str, arguments: Mapping[str, str]) -> types.GetPromptResult:
    """One prompt with its arguments filled in. Raises MCPError."""
    prompt = next((each for each in (*PROMPTS, *IN_GUESTS) if each.name == name), None)
    if prompt is None:
        raise MCPError(code=types.INVALID_PARAMS, message=f"There is no prompt {name[:80]}")
    missing = [each for each in prompt.arguments if not arguments.get(each)]
    if missing:
        raise MCPError(code=types.INVALID_PARAMS, message=f"Missing: {', '.join(missing)}")
    text = prompt.text
    for each in prompt.arguments:
        text = text.replace("{" + each + "}", arguments[each])
    return types.GetPromptResult(
        description=prompt.description,
        messages=[types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))],
    )
