"""``search_api``: endpoints for a question, one endpoint in full."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread

from proxmox_mcp.apidoc import METHODS
from proxmox_mcp.errors import CallError
from proxmox_mcp.gateway.cluster import choose
from proxmox_mcp.server.tools.tool import Tool, ToolCall, ToolParameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.proxmox.permissions import Rights

_DEFAULT_HITS, _MOST_HITS = 5, 20
_NEXT_STEP = "Full reference of one: search_api with its path as query, and method."


async def _run(call: ToolCall) -> str:
    """Endpoints that fit a question, best first; one in full for a path with a method, or a path with one method.

    Raises CallError for a blank question.
    """
    given = call.arguments
    async with call.gateway.guard.admitted(call.caller):
        if not given["query"].strip():
            raise CallError("query: is blank.", "Ask in your own words, or give a path such as /nodes/{node}/qemu.")
        cluster = choose(call.gateway.clusters, call.cluster, call.caller)
        method, limit = given.get("method", "").strip().upper(), given.get("limit", _DEFAULT_HITS)
        cluster.schema.begin_search()
        denial = partial(_denial, await cluster.permissions.rights())
        searcher = await cluster.schema.searcher()
        # Imported here: the search takes a fifth of what a start imports; ``searcher`` has imported it in a thread.
        from proxmox_mcp.search import answer

        limit = max(1, min(limit, _MOST_HITS))
        found = partial(answer, searcher, given["query"], method, limit, denial=denial, next_step=_NEXT_STEP)
        return (await anyio.to_thread.run_sync(found)).text


async def references(endpoints: Sequence[Endpoint], cluster: Cluster) -> str:
    """Endpoints in full, each marked where the identity in use may not call it."""
    cluster.schema.begin_search()
    denial = partial(_denial, await cluster.permissions.rights())
    searcher = await cluster.schema.searcher()
    from proxmox_mcp.search import reference

    def text() -> str:
        return "\n\n".join(reference(searcher, endpoint, denial) for endpoint in endpoints)

    return await anyio.to_thread.run_sync(text)


def _denial(rights: Rights | None, endpoint: Endpoint) -> str:
    """Why the identity in use may not call an endpoint; empty where it may, or where its privileges are unknown."""
    if rights is None:
        return ""
    access = rights.access(endpoint)
    return f"Not allowed to {rights.identity}: {access.told()}." if access.verdict == "denied" else ""


TOOL = Tool(
    "search_api",
    "Find API endpoints by intent, keywords, parameter or path; a path with method gives its full reference.",
    _run,
    {
        "query": ToolParameter("string", "what to do, or a path", required=True),
        "method": ToolParameter("string", "only this method", enum=METHODS),
        "limit": ToolParameter("integer", "default 5"),
    },
)
