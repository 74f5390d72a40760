"""Commands in guests without SSH: VMs through the guest agent, containers through their terminal."""

from proxmox_mcp.guests.agent_exec import result_within
from proxmox_mcp.guests.exec import GuestCommands, GuestExec
from proxmox_mcp.guests.locks import GuestLocks, LocalLocks
from proxmox_mcp.guests.model import (
    DEFAULT_TIMEOUT,
    MAX_COMMAND,
    MAX_INPUT,
    MAX_OUTPUT,
    MAX_TIMEOUT,
    ExecResult,
    GuestCommand,
    GuestOnNode,
    Output,
)
from proxmox_mcp.guests.terminal import GuestApi

__all__ = [
    "DEFAULT_TIMEOUT",
    "MAX_COMMAND",
    "MAX_INPUT",
    "MAX_OUTPUT",
    "MAX_TIMEOUT",
    "ExecResult",
    "GuestApi",
    "GuestCommand",
    "GuestCommands",
    "GuestExec",
    "GuestLocks",
    "GuestOnNode",
    "LocalLocks",
    "Output",
    "result_within",
    "shared_locks",
]
