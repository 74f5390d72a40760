"""Setting up: finding a node and its certificate, making a token there, and the settings that follow."""

from proxmox_mcp.setup.administrator import Administrator, NewToken
from proxmox_mcp.setup.by_hand import pveum_lines
from proxmox_mcp.setup.choices import CallerToken, Use, difference, is_loopback, new_caller, served, trust
from proxmox_mcp.setup.node import FoundNode, find_node

__all__ = [
    "Administrator",
    "CallerToken",
    "FoundNode",
    "NewToken",
    "Use",
    "difference",
    "find_node",
    "is_loopback",
    "new_caller",
    "pveum_lines",
    "served",
    "trust",
]
