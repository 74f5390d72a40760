"""What an answer says to its reader: a model that calls tools, or a person at a terminal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Sentences that depend on the reader: who was asked, and how the next call is written.

    ``approve`` holds ``{number}`` and ``{where}`` (to approve it), ``wait`` and ``stop`` hold ``{path}`` (of a task).
    """

    denied: str
    declined: str
    after_declining: str
    approve: str
    wait: str
    stop: str


FOR_MODELS = Wording(
    denied="The operator of this server decides that; don't try other ways.",
    declined="The question was declined or dismissed at the client.",
    after_declining=(
        "Ask the user what they want; a client that runs unattended dismisses questions without asking anybody."
    ),
    approve=(
        "Ask the operator to approve it {where}. "
        "To wait for that, and then to do it, repeat the same call with confirm: {number}"
    ),
    wait="To wait for it: proxmox_api_get path={path}/status wait=300",
    stop="To stop it: proxmox_api_call method=DELETE, the same path without /status",
)

FOR_PEOPLE = Wording(
    denied="MCP_MODE and MCP_POLICY_FILE decide that; `proxmox-mcp policy explain METHOD PATH` names the rule.",
    declined="You answered no.",
    after_declining="",
    approve="Approve it {where}, then repeat this command with --confirm {number}.",
    wait="To wait for it: proxmox-mcp call GET {path}/status --wait 300",
    stop="To stop it: proxmox-mcp call DELETE {path}",
)
