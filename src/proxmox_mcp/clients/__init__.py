"""MCP clients on this machine: their configuration files as data, and this server's entry in them."""

from proxmox_mcp.clients.catalogue import (
    CLAUDE_CODE,
    CLAUDE_DESKTOP,
    CLIENTS,
    CURSOR,
    GEMINI,
    VS_CODE,
    KnownClient,
    System,
)
from proxmox_mcp.clients.configuration_file import FileChange, with_entry, without_entry, write
from proxmox_mcp.clients.entries import (
    PASSWORD,
    TOKEN,
    Entry,
    Written,
    file_text,
    local_entry,
    names_a_secret_file,
    remote_entry,
    settings_over_stdio,
    written,
)

__all__ = [
    "CLAUDE_CODE",
    "CLAUDE_DESKTOP",
    "CLIENTS",
    "CURSOR",
    "GEMINI",
    "PASSWORD",
    "TOKEN",
    "VS_CODE",
    "Entry",
    "FileChange",
    "KnownClient",
    "System",
    "Written",
    "file_text",
    "local_entry",
    "names_a_secret_file",
    "remote_entry",
    "settings_over_stdio",
    "with_entry",
    "without_entry",
    "write",
    "written",
]
