"""Builds an index from an ``apidoc.js``: reads the document, detects its version, writes a snapshot.

Used by ``scripts/build_index.py`` and ``proxmox-mcp index``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.facts import facts_only
from proxmox_mcp.apidoc.history import without_parameter_names
from proxmox_mcp.apidoc.index import EndpointIndex
from proxmox_mcp.apidoc.load import load_bundled, read_file
from proxmox_mcp.apidoc.parse import parse_apidoc
from proxmox_mcp.apidoc.releases import bundled_versions
from proxmox_mcp.apidoc.snapshot import write_snapshot
from proxmox_mcp.errors import ApidocFormatError, ApidocSourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc.model import Endpoint
    from proxmox_mcp.apidoc.source import Progress
    from proxmox_mcp.net.tls import TlsPolicy

_OTHER_PRODUCTS = {
    "/admin/datastore": "Proxmox Backup Server",
    "/quarantine": "Proxmox Mail Gateway",
    "/pve/remotes": "Proxmox Datacenter Manager",
}


class Similarity(Struct, frozen=True):
    """The bundled version that is most similar to an index, and the share (0 to 1) of endpoints that are the same."""

    version: str
    same: float


def read_document(source: str | Path, *, tls: TlsPolicy | None = None, progress: Progress | None = None) -> bytes:
    """Read the document from a URL or a file. Raises ApidocSourceError."""
    from proxmox_mcp.apidoc.source import MAX_BYTES, fetch

    if isinstance(source, str) and "://" in source:
        return fetch(source, tls=tls, progress=progress)
    path = Path(source)
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise ApidocSourceError(
            f"{path} is larger than {MAX_BYTES // 2**20} MiB.", "An apidoc.js has about 4 MiB: check the path."
        )
    document = read_file(path, "Give the path of an apidoc.js.")
    if progress:
        progress(len(document), len(document))
    return document


def build(document: bytes, version: str = "") -> tuple[EndpointIndex, Similarity]:
    """The index of an ``apidoc.js``, and the most similar bundled version.

    The document does not contain its version. Without ``version`` the index gets that of the most similar bundled
    snapshot. Raises ApidocFormatError, also for the document of another Proxmox product.
    """
    index = parse_apidoc(document, version=version)
    for path, product in _OTHER_PRODUCTS.items():
        if index.get("GET", path):
            raise ApidocFormatError(f"This is the apidoc.js of {product}.", "Use that of a Proxmox VE node.")
    similarity = most_similar_bundled(index)
    if not version:
        index = EndpointIndex(index.endpoints, replace(index.origin, version=similarity.version))
    return index, similarity


def most_similar_bundled(index: EndpointIndex) -> Similarity:
    """The bundled version that shares the most facts with the index."""
    facts = {facts_only(endpoint.facts) for endpoint in index.endpoints}

    def same(version: str) -> float:
        bundled = {endpoint.facts for endpoint in load_bundled(version).endpoints}
        return len(facts & bundled) / len(facts | bundled)

    return max((Similarity(version, same(version)) for version in bundled_versions()), key=lambda each: each.same)


def save_snapshot(index: EndpointIndex, path: Path) -> None:
    """Write the index without descriptions to a file, atomically. Raises ApidocSourceError."""
    write_at_once(path, write_snapshot(index))


def write_at_once(path: Path, data: bytes) -> None:
    """Write a file atomically: afterwards it is either complete or unchanged. Raises ApidocSourceError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ApidocSourceError(
            f"{path} can't be written: {error.strerror or error}.", "Choose another file."
        ) from error


def history() -> bytes:
    """The contents of ``history.json``: the history of all bundled snapshots, one endpoint per line."""
    newest: dict[str, str] = {}
    having: dict[str, dict[str, Endpoint]] = {}
    for version in bundled_versions():
        for endpoint in load_bundled(version).endpoints:
            key = without_parameter_names(endpoint.method, endpoint.path)
            newest[key] = f"{endpoint.method} {endpoint.path}"
            having.setdefault(key, {})[version] = endpoint
    endpoints = {newest[key]: [list(having[key]), *_changes(having[key])] for key in having}
    lines = ",\n".join(f"{json.dumps(name)}:{json.dumps(endpoints[name])}" for name in sorted(endpoints, key=_by_path))
    return f"{{\n{lines}\n}}\n".encode()


def _changes(versions: Mapping[str, Endpoint]) -> list[dict[str, list[str]]]:
    """The versions of each parameter that only some versions have; empty if all have the same."""
    names = sorted({name for endpoint in versions.values() for name in endpoint.parameters})
    found = {name: [version for version, each in versions.items() if name in each.parameters] for name in names}
    path_parameters = {name for each in versions.values() for name in each.path_parameters}
    changed = {
        name: those for name, those in found.items() if len(those) < len(versions) and name not in path_parameters
    }
    return [changed] if changed else []


def _by_path(name: str) -> tuple[str, str]:
    method, template = name.split(" ", 1)
    return template, method
