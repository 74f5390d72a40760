"""The schema of the Proxmox VE API (``apidoc.js``) as an index that finds endpoints and validates calls.

A separate library: it does not depend on MCP, connections to Proxmox or settings.
"""

from __future__ import annotations

from proxmox_mcp.apidoc.index import EndpointIndex, IndexSource
from proxmox_mcp.apidoc.load import load_index
from proxmox_mcp.apidoc.model import METHODS, CallProblem, Check, Endpoint, EndpointPermissions, Method, Schema
from proxmox_mcp.apidoc.parse import parse_apidoc
from proxmox_mcp.apidoc.releases import bundled_versions, nearest_bundled
from proxmox_mcp.apidoc.routes import DeadEnd, Route

__all__ = [
    "METHODS",
    "CallProblem",
    "Check",
    "DeadEnd",
    "Endpoint",
    "EndpointIndex",
    "EndpointPermissions",
    "IndexSource",
    "Method",
    "Route",
    "Schema",
    "build",
    "bundled_versions",
    "data_files",
    "effects",
    "load_index",
    "local_index",
    "model",
    "nearest_bundled",
    "openapi",
    "parse_apidoc",
    "path",
    "privileges",
    "reference",
    "reviews",
    "schema",
    "source",
    "store",
    "validation",
]
