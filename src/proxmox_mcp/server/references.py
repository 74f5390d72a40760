"""Resources: ``proxmox://api/{+path}``, the reference of an endpoint for clients that read resources."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import mcp_types as types
from mcp.shared.exceptions import MCPError

if TYPE_CHECKING:
    from proxmox_mcp.gateway.schema_source import Schema

PREFIX = "proxmox://api/"
TEMPLATE = types.ResourceTemplate(
    name="api",
    title="Reference of an API path",
    uri_template="proxmox://api/{+path}",
    description="Parameters, privileges and answers of every method of an API path, e.g. proxmox://api/nodes/{node}/qemu",
    mime_type="text/plain",
)
_MOST_COMPLETIONS = 100


def read(uri: str, schema: Schema) -> str:
    """The references of all methods at a path. Raises MCPError for a path that is none."""
    from proxmox_mcp.search.reference import render_reference  # As in ``toolbox``: not in the start.

    if not uri.startswith(PREFIX):
        raise MCPError(code=types.INVALID_PARAMS, message=f"There is no resource {uri[:200]}", data={"uri": uri[:200]})
    path = "/" + unquote(uri.removeprefix(PREFIX)).strip("/")
    found = [endpoint for endpoint in schema.index.endpoints if endpoint.path == path]
    if not found:
        near = [each for each in complete(path, schema) if each != path.strip("/")][:5]
        said = f"The API has no path {path[:200]}" + (f"; near it: {', '.join(near)}" if near else "")
        raise MCPError(code=types.INVALID_PARAMS, message=said, data={"uri": uri[:200]})
    texts = (render_reference(each, schema.searcher.does(each), schema.index.version) for each in found)
    return "\n\n".join(texts)


def complete(begun: str, schema: Schema) -> list[str]:
    """Paths that begin as the text does, else those that hold it; without the leading slash."""
    paths = list(dict.fromkeys(endpoint.path.strip("/") for endpoint in schema.index.endpoints))
    begun = begun.strip("/")
    return ([p for p in paths if p.startswith(begun)] or [p for p in paths if begun in p])[:_MOST_COMPLETIONS]
