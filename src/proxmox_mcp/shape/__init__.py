"""Results as text for a model: few tokens, nothing cut without saying so."""

from proxmox_mcp.shape.budget import Budget
from proxmox_mcp.shape.cells import Terms
from proxmox_mcp.shape.curated import ResourceType, nodes_table, resources_table
from proxmox_mcp.shape.filters import SYNTAX
from proxmox_mcp.shape.render import render
from proxmox_mcp.shape.tokens import estimate_tokens
from proxmox_mcp.shape.view import WHOLE, View

__all__ = [
    "SYNTAX",
    "WHOLE",
    "Budget",
    "ResourceType",
    "Terms",
    "View",
    "estimate_tokens",
    "nodes_table",
    "render",
    "resources_table",
]
