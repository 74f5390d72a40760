"""Loads an index from an ``apidoc.js``, from a snapshot, or by the version of a bundled snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.parse import parse_apidoc
from proxmox_mcp.apidoc.releases import VERSION, bundled_versions, nearest_bundled, release_of
from proxmox_mcp.apidoc.snapshot import START, read_snapshot
from proxmox_mcp.errors import ApidocSourceError

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.index import EndpointIndex


def load_index(source: str | Path) -> EndpointIndex:
    """The index of an ``apidoc.js`` or snapshot (given by its path), or of a bundled version (``"9.2"``).

    Raises ApidocSourceError (no such file or version) or ApidocFormatError (wrong format).
    """
    if isinstance(source, str) and VERSION.fullmatch(source):
        return load_bundled(source)
    bundled = ", ".join(bundled_versions())
    data = read_file(Path(source), f"Give the path of an apidoc.js or of a snapshot, or a bundled version: {bundled}.")
    return read_snapshot(data) if data.startswith(START) else parse_apidoc(data)


def read_file(path: Path, advice: str) -> bytes:
    """The bytes of a file. Raises ApidocSourceError, with the advice."""
    try:
        return path.expanduser().read_bytes()
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise ApidocSourceError(f"{path} can't be read: {why}.", advice) from error


def load_bundled(version: str) -> EndpointIndex:
    """The bundled snapshot for the minor release of ``version`` (9.1 for ``9.1.9``). Raises ApidocSourceError."""
    name = ".".join(map(str, release_of(version)))
    if name not in bundled_versions():
        raise ApidocSourceError(
            f"No snapshot of Proxmox VE {version} is bundled.",
            f"Bundled: {', '.join(bundled_versions())}; the nearest is {nearest_bundled(version)}.",
        )
    return read_snapshot((data_directory() / f"pve-{name}.jsonl").read_bytes(), trusted=True)
