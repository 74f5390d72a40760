"""An index from what one has: an ``apidoc.js``, a snapshot, or the version of a bundled one."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.parse import parse_apidoc
from proxmox_mcp.apidoc.snapshot import START, read_snapshot
from proxmox_mcp.errors import ApidocSourceError

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.index import EndpointIndex

_VERSION = re.compile(r"\d+(\.\d+)*([~-][\w.~-]+)?")
_BUNDLED = re.compile(r"pve-(\d+\.\d+)\.jsonl")


def load_index(source: str | Path) -> EndpointIndex:
    """The index of an ``apidoc.js`` or a snapshot (a path), or of a bundled version (``"9.2"``).

    Raises ApidocSourceError (no such file or version) or ApidocFormatError (not what it should be).
    """
    if isinstance(source, str) and _VERSION.fullmatch(source):
        return load_bundled(source)
    data = read_file(Path(source))
    return read_snapshot(data) if data.startswith(START) else parse_apidoc(data)


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises ApidocSourceError."""
    try:
        return path.expanduser().read_bytes()
    except (OSError, ValueError, RuntimeError) as error:
        bundled = ", ".join(bundled_versions())
        raise ApidocSourceError(
            f"{path} can't be read: {getattr(error, 'strerror', None) or error}.",
            f"Give the path of an apidoc.js or of a snapshot, or a bundled version: {bundled}.",
        ) from error


def load_bundled(version: str) -> EndpointIndex:
    """The bundled snapshot of the minor release of ``version`` (``9.1.9`` is 9.1). Raises ApidocSourceError."""
    name = ".".join(map(str, _parts(version)))
    if name not in bundled_versions():
        raise ApidocSourceError(
            f"No snapshot of Proxmox VE {version} is bundled.",
            f"Bundled are: {', '.join(bundled_versions())}; the nearest is {nearest_bundled(version)}.",
        )
    return read_snapshot((data_directory() / f"pve-{name}.jsonl").read_bytes(), trusted=True)


@cache
def bundled_versions() -> tuple[str, ...]:
    """The versions that are bundled, such as ``("8.4", "9.1")``, oldest first."""
    names = (_BUNDLED.fullmatch(path.name) for path in data_directory().glob("pve-*.jsonl"))
    return tuple(sorted((name[1] for name in names if name), key=_parts))


def nearest_bundled(version: str) -> str:
    """The bundled version to work from where ``version`` (``9.1.9``, ``8.2``) is not at hand.

    One of the same major release if there is one, the older of two that are as near. Raises ApidocSourceError where
    ``version`` is no version.
    """
    if not _VERSION.fullmatch(version):
        raise ApidocSourceError(f"{version!r} is not a version.", "A version looks like 9.1 or 8.4.5.")
    major, minor = _parts(version)
    return min(bundled_versions(), key=lambda each: _distance((major, minor), _parts(each)))


def _parts(version: str) -> tuple[int, int]:
    major, minor, *_ = (*(int(part) for part in re.findall(r"\d+", version)), 0)
    return major, minor


def _distance(wanted: tuple[int, int], bundled: tuple[int, int]) -> tuple[int, int, tuple[int, int]]:
    """Majors first; within one the nearest minor; of another major the end that lies towards it."""
    if wanted[0] == bundled[0]:
        return 0, abs(wanted[1] - bundled[1]), bundled
    towards = -bundled[1] if bundled < wanted else bundled[1]
    return abs(wanted[0] - bundled[0]), towards, bundled
