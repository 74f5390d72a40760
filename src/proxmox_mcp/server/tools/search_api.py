"""``search_api``: endpoints for a question, one endpoint in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.errors import CallError
from proxmox_mcp.gateway.cluster import choose
from proxmox_mcp.server.tools.tool import METHODS, Parameter, Tool, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.gateway.schema_source import Schema
    from proxmox_mcp.proxmox.permissions import Judge

_DEFAULT_HITS, _MOST_HITS = 5, 20
_EXTRA = 3
"""Hits fetched for each that is shown, since twins are merged."""


async def _run(call: ToolCall) -> str:
    """Endpoints that fit a question, best first; a path with a method, or one that has a single one, in full.

    Raises CallError for a blank question.
    """
    given = call.arguments
    async with call.gateway.admitted(call.caller):
        if not given["query"].strip():
            raise CallError("query: is blank.", "Ask in your own words, or give a path such as /nodes/{node}/qemu.")
        cluster = choose(call.gateway.clusters, call.cluster, call.caller)
        judge = await cluster.permissions.judge()
        method, limit = given.get("method", "").strip().upper(), given.get("limit", _DEFAULT_HITS)
        return _answer(cluster.schema.current, judge, given["query"], method, max(1, min(limit, _MOST_HITS)))


def _answer(schema: Schema, judge: Judge | None, query: str, method: str, limit: int) -> str:
    # Imported here: the search takes a fifth of what a start imports, and stdio clients start the server themselves.
    from proxmox_mcp.search import group
    from proxmox_mcp.search.browse import exact
    from proxmox_mcp.search.reference import readings, render_hits

    if (named := exact(schema.index.endpoints, query, method)) is not None:
        return reference(named, schema, judge)
    results = schema.searcher.find(query, limit * _EXTRA, method)
    lines = []
    if results.absent is not None:
        lines.append(f"The API has no endpoint for this. {results.absent.instead}")
    if results.mended:
        lines.append(readings(results.mended))
    groups = group(results.hits)[:limit]
    if not groups:
        return "\n".join([*lines, "Nothing fits. Ask in other words, or give the beginning of a path to browse."])
    if not results.confident and results.absent is None:
        lines.append("Not sure that any of these fits; other words may find better:")
    lines.append(render_hits(groups, _may(judge)))
    lines.append("Full reference of one: search_api with its path as query, and method.")
    return "\n".join(lines)


def reference(endpoint: Endpoint, schema: Schema, judge: Judge | None) -> str:
    """One endpoint in full, with a last line where the identity in use may not call it."""
    from proxmox_mcp.search.reference import render_reference

    text = render_reference(endpoint, schema.searcher.does(endpoint), schema.index.version)
    if judge is None or (access := judge.access(endpoint)).verdict != "denied":
        return text
    return f"{text}\nNot allowed to {judge.identity}: {access.told()}."


def _may(judge: Judge | None) -> Callable[[Endpoint], bool] | None:
    if judge is None:
        return None
    return lambda endpoint: judge.access(endpoint).verdict != "denied"


TOOL = Tool(
    "search_api",
    "Find API endpoints by intent, keywords or path prefix. An exact path with method gives its full reference.",
    _run,
    {
        "query": Parameter("string", "what you want to do, or a path", required=True),
        "method": Parameter("string", "only this method", enum=METHODS),
        "limit": Parameter("integer", "most results, default 5"),
    },
)
