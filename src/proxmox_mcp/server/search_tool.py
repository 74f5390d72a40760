"""``search_api``: endpoints for a question, one endpoint in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.errors import CallError
from proxmox_mcp.gateway.cluster import Cluster, choose
from proxmox_mcp.search import group
from proxmox_mcp.search.browse import exact
from proxmox_mcp.search.reference import readings, render_hits, render_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.proxmox.permissions import Judge

MOST_HITS = 20
"""Endpoints that one answer lists."""
_EXTRA = 3
"""Hits fetched for each that is shown, since twins are merged."""


async def find(
    clusters: Mapping[str, Cluster], caller: Caller, query: str, method: str = "", limit: int = 5, cluster: str = ""
) -> str:
    """Endpoints that fit a question, best first; a path with a method, or one that has a single one, in full.

    Raises CallError for a blank question.
    """
    if not query.strip():
        raise CallError("query: is blank.", "Ask in your own words, or give a path such as /nodes/{node}/qemu.")
    chosen = choose(clusters, cluster, caller)
    schema = chosen.schema.current
    judge = await chosen.permissions.judge()
    method = method.strip().upper()
    if (named := exact(schema.index.endpoints, query, method)) is not None:
        reference = render_reference(named, schema.searcher.does(named), schema.index.version)
        return "\n".join(filter(None, (reference, _allowed(named, judge))))
    count = max(1, min(limit, MOST_HITS))
    results = schema.searcher.find(query, count * _EXTRA, method)
    lines = []
    if results.absent is not None:
        lines.append(f"The API has no endpoint for this. {results.absent.instead}")
    if results.mended:
        lines.append(readings(results.mended))
    groups = group(results.hits)[:count]
    if not groups:
        return "\n".join([*lines, "Nothing fits. Ask in other words, or give the beginning of a path to browse."])
    if not results.confident and results.absent is None:
        lines.append("Not sure that any of these fits; other words may find better:")
    lines.append(render_hits(groups, _may(judge)))
    lines.append("Full reference of one: search_api with its path as query, and method.")
    return "\n".join(lines)


def _may(judge: Judge | None) -> Callable[[Endpoint], bool] | None:
    if judge is None:
        return None
    return lambda endpoint: judge.access(endpoint).verdict != "denied"


def _allowed(endpoint: Endpoint, judge: Judge | None) -> str:
    if judge is None:
        return ""
    access = judge.access(endpoint)
    if access.verdict != "denied":
        return ""
    return f"Not allowed to {judge.identity}: {access.told()}."
