"""Renders results as text for a model: few tokens; whatever is left out is counted and said."""

from proxmox_mcp.render.budget import Budget
from proxmox_mcp.render.cells import Terms
from proxmox_mcp.render.filters import SYNTAX
from proxmox_mcp.render.render import render
from proxmox_mcp.render.resources import ResourceType, nodes_table, resources_table
from proxmox_mcp.render.tokens import estimate_tokens
from proxmox_mcp.render.view import WHOLE, View

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
