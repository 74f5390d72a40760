"""Checks which schema is used, where it comes from, and whether it is for the version of the node."""

# Tested through tests/doctor/test_cluster_checks.py.

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.apidoc import load_index, parse_apidoc
from proxmox_mcp.apidoc.local_index import LocalIndex, find_local_index
from proxmox_mcp.apidoc.source import fetch, node_url
from proxmox_mcp.apidoc.store import IndexStore
from proxmox_mcp.doctor.steps import CheckStep, Fix, ReportSection
from proxmox_mcp.errors import ApidocError

if TYPE_CHECKING:
    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.net.address import HostPort
    from proxmox_mcp.proxmox.connection import Connection

FETCH_SECONDS = 8.0
NAME = "schema"
_PACKAGE = Fix(
    "The node should serve it from the package pve-docs. As root on the node:",
    ("apt install --reinstall pve-docs", "systemctl restart pveproxy"),
)


class AnsweringNode(Struct, frozen=True):
    """A node that answers, and its version."""

    where: HostPort
    version: str


def look(
    part: ReportSection,
    source: str,
    connection: Connection,
    node: AnsweringNode | None,
    cache: Path,
    deadline: Deadline,
) -> CheckStep:
    """The step. ``node`` is one that answers, or None; ``cache`` the directory of the schema cache."""
    version = node.version if node else ""
    try:
        if source == "auto":
            return _auto(part, connection, node, cache, deadline)
        if source == "bundled":
            return _compared(part, find_local_index(version).index, "the bundled snapshot", version)
        if "://" in source:
            index = parse_apidoc(fetch(source, deadline=deadline.within(FETCH_SECONDS).left))
            return _compared(part, index, "from a URL", version)
        return _compared(part, load_index(Path(source)), "from a file", version)
    except ApidocError as error:
        fix = Fix(error.advice or "Set PROXMOX_APIDOC=auto.")
        # A file is read at the start, and no calls are sent without it; a URL is retried in the background.
        failed = part.fail if "://" in source else part.wrong_setting
        return failed(NAME, f"PROXMOX_APIDOC={source}: {error.message}", fix)


def _auto(
    part: ReportSection, connection: Connection, node: AnsweringNode | None, cache: Path, deadline: Deadline
) -> CheckStep:
    if node is None:
        found = _local_index("", cache)
        return part.warn(
            NAME,
            f"Proxmox VE {found.index.version}, {_origin(found)}: no node is reachable to serve its own",
            Fix("The server fetches it as soon as a node answers."),
            *_writable(cache),
            details=_cache(cache),
        )
    try:
        url = node_url(node.where.host, node.where.port)
        document = fetch(url, tls=connection.tls, deadline=deadline.within(FETCH_SECONDS).left)
        index = parse_apidoc(document, version=node.version)
    except ApidocError as error:
        found = _local_index(node.version, cache)
        said = f"Proxmox VE {found.index.version}, {_origin(found)}; the node runs {node.version}. {error.message}"
        return part.warn(NAME, said, _PACKAGE, *_writable(cache), details=_cache(cache))
    details = _cache(cache)
    said = f"Proxmox VE {node.version}, from the node itself: {len(index.endpoints)} endpoints"
    if details:
        return part.warn(NAME, said, *_writable(cache), details=details)
    return part.ok(NAME, said)


def _compared(part: ReportSection, index: EndpointIndex, origin: str, version: str) -> CheckStep:
    known = index.version or "(unknown version)"
    said = f"Proxmox VE {known}, {origin}: {len(index.endpoints)} endpoints"
    if not version or index.version == version:
        return part.ok(NAME, said)
    return part.warn(
        NAME,
        f"{said}; the node runs {version}",
        Fix("Errors found with this schema are only warnings. To use the node's own schema:", ("PROXMOX_APIDOC=auto",)),
    )


def _local_index(version: str, cache: Path) -> LocalIndex:
    """The schema that is available locally. The doctor does not create a cache."""
    return find_local_index(version, IndexStore(cache) if cache.is_dir() else None)


def _origin(found: LocalIndex) -> str:
    return "cached from a node" if found.kind == "cache" else "the bundled snapshot"


def _cache(cache: Path) -> tuple[str, ...]:
    """Why the schema can't be cached; empty if it can."""
    place = cache
    while not place.exists() and place != place.parent:
        place = place.parent
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return ()
    return (f"it can't be cached for the next start: this user can't write {place}",)


def _writable(cache: Path) -> tuple[Fix, ...]:
    if not _cache(cache):
        return ()
    fix = Fix(
        f"Make {cache} writable for the user that the server runs as, or name another directory:",
        ("MCP_CACHE_DIR=/data",),
    )
    return (fix,)
