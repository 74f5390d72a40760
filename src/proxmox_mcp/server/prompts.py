"""Prompts, for people: common tasks that need several calls, described so that a model needs few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mcp_types as types
from mcp.shared.exceptions import MCPError

from proxmox_mcp.server.guest_prompts import IN_GUESTS
from proxmox_mcp.server.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    text = prompt.filled(arguments)
    return types.GetPromptResult(
        description=prompt.description,
        messages=[types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))],
    )
