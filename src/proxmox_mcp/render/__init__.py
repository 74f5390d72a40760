"""Renders results as text for a model: few tokens; whatever is left out is counted and said."""

from proxmox_mcp.render.budget import Budget
from proxmox_mcp.render.clock import Clock
from proxmox_mcp.render.filters import SYNTAX
from proxmox_mcp.render.legend import Legend, Quantities, Terms
from proxmox_mcp.render.paging import Redact
from proxmox_mcp.render.quantities import OF_RENDERER, OF_UNIT, Quantity
from proxmox_mcp.render.render import render
from proxmox_mcp.render.resources import ResourceType, nodes_table, nodes_with_guests, resources_table
from proxmox_mcp.render.tokens import estimate_tokens
from proxmox_mcp.render.view import WHOLE, View

__all__ = [
    "OF_RENDERER",
    "OF_UNIT",
    "SYNTAX",
    "WHOLE",
    "Budget",
    "Clock",
    "Legend",
    "Quantities",
    "Quantity",
    "Redact",
    "ResourceType",
    "Terms",
    "View",
    "estimate_tokens",
    "fields",
    "filters",
    "nodes_table",
    "nodes_with_guests",
    "render",
    "resources",
    "resources_table",
    "selection",
    "units",
    "view",
]
