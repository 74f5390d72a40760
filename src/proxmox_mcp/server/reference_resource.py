"""The resource ``proxmox://api/{+path}``: the reference of an API path, for clients that read resources.

It goes the same way as ``search_api`` for a path: within the caller's limits, with what is not allowed marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import mcp_types as types
from mcp.shared.exceptions import MCPError

from proxmox_mcp.gateway.cluster import Cluster, choose
from proxmox_mcp.server.tools.search_api import references

if TYPE_CHECKING:
    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.policy.caller import Caller

PREFIX = "proxmox://api/"
TEMPLATE = types.ResourceTemplate(
    name="api",
    title="Reference of an API path",
    uri_template="proxmox://api/{+path}",
    description="Parameters, privileges and answers of every method of an API path, e.g. proxmox://api/nodes/{node}/qemu",
    mime_type="text/plain",
)
_MOST_COMPLETIONS = 100
_LONGEST_URI = 200


async def read(uri: str, gateway: Gateway, caller: Caller) -> str:
    """The references of all methods at a path. Raises MCPError for an unknown path, ProxmoxMcpError."""
    async with gateway.guard.admitted(caller):
        cluster = _cluster(gateway, caller)
        index = (await cluster.schema.current()).index
        path = api_path(uri, index)
        return await references([endpoint for endpoint in index.endpoints if endpoint.path == path], cluster)


async def complete(prefix: str, gateway: Gateway, caller: Caller) -> list[str]:
    """Paths for a client that completes one as it is typed. Raises ProxmoxMcpError."""
    async with gateway.guard.admitted(caller):
        return paths_like(prefix, (await _cluster(gateway, caller).schema.current()).index)


def api_path(uri: str, index: EndpointIndex) -> str:
    """The API path that a URI names. Raises MCPError for an unknown one, with those that are similar."""
    shown = uri[:_LONGEST_URI]
    if not uri.startswith(PREFIX):
        raise MCPError(code=types.INVALID_PARAMS, message=f"There is no resource {shown}", data={"uri": shown})
    path = "/" + unquote(uri.removeprefix(PREFIX)).strip("/")
    if any(endpoint.path == path for endpoint in index.endpoints):
        return path
    similar = [each for each in paths_like(path, index) if each != path.strip("/")][:5]
    message = f"The API has no path {path[:_LONGEST_URI]}" + (f"; near it: {', '.join(similar)}" if similar else "")
    raise MCPError(code=types.INVALID_PARAMS, message=message, data={"uri": shown})


def paths_like(begun: str, index: EndpointIndex) -> list[str]:
    """Paths that begin as the text does, else those that contain it; without the leading slash."""
    paths = list(dict.fromkeys(endpoint.path.strip("/") for endpoint in index.endpoints))
    begun = begun.strip("/")
    return ([p for p in paths if p.startswith(begun)] or [p for p in paths if begun in p])[:_MOST_COMPLETIONS]


def _cluster(gateway: Gateway, caller: Caller) -> Cluster:
    """The first cluster that the caller may use: a URI names none. Raises CallError."""
    allowed = [name for name in gateway.clusters if caller.may_use(name)]
    return choose(gateway.clusters, allowed[0] if allowed else "", caller)
