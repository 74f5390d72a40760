"""Small documents in the dialect of Proxmox's ``apidoc.js``."""

from __future__ import annotations

import json
from typing import Any

from proxmox_mcp.apidoc import Endpoint, parse_apidoc

VIEWER = ";\n\nvar viewer = { title: \"[1]\" };\nExt.onReady(function() { stores = [ { a: 'not JSON' } ]; });\n"


def method(name: str = "call", **info: Any) -> dict[str, Any]:
    """One method as the dump has it; ``info`` replaces its keys."""
    return {
        "name": name,
        "description": "A sentence of Proxmox.",
        "allowtoken": 1,
        "parameters": {"additionalProperties": 0, "properties": {}},
        "returns": {"type": "null"},
    } | info


def node(path: str, *children: dict[str, Any], **methods: dict[str, Any]) -> dict[str, Any]:
    """One path with its methods and the paths below it."""
    return {
        "path": path,
        "text": path.rpartition("/")[2],
        "leaf": int(not children),
        "info": methods,
        "children": list(children),
    }


def document(*nodes: dict[str, Any], prologue: str = "const apiSchema = ", epilogue: str = VIEWER) -> bytes:
    """The whole document."""
    return f"{prologue}{json.dumps(list(nodes), indent=1)}{epilogue}".encode()


def endpoint(path: str = "/it", verb: str = "GET", **info: Any) -> Endpoint:
    """The endpoint that a document with one method gives."""
    return parse_apidoc(document(node(path, **{verb: method(**info)}))).endpoints[0]
