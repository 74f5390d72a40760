"""The bundled releases of Proxmox VE, found by file name; no snapshot is loaded."""

from __future__ import annotations

import re
from functools import cache

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.errors import ApidocSourceError

VERSION = re.compile(r"\d+(\.\d+)*([~-][\w.~-]+)?")
_BUNDLED = re.compile(r"pve-(\d+\.\d+)\.jsonl")


@cache
def bundled_versions() -> tuple[str, ...]:
    """The bundled versions, such as ``("8.4", "9.1")``, oldest first."""
    names = (_BUNDLED.fullmatch(path.name) for path in data_directory().glob("pve-*.jsonl"))
    return tuple(sorted((name[1] for name in names if name), key=release_of))


def nearest_bundled(version: str) -> str:
    """The bundled version that is nearest to ``version`` (``9.1.9``, ``8.2``).

    The same major release if there is one; of two equally near the older. Raises ApidocSourceError if ``version`` is
    not a version.
    """
    if not VERSION.fullmatch(version):
        raise ApidocSourceError(f"{version!r} is not a version.", "A version looks like 9.1 or 8.4.5.")
    major, minor = release_of(version)
    return min(bundled_versions(), key=lambda each: _distance((major, minor), release_of(each)))


def release_of(version: str) -> tuple[int, int]:
    """Major and minor version: ``(9, 1)`` for ``9.1.9``."""
    major, minor, *_ = (*(int(part) for part in re.findall(r"\d+", version)), 0)
    return major, minor


def _distance(wanted: tuple[int, int], bundled: tuple[int, int]) -> tuple[int, int, tuple[int, int]]:
    """Compare majors first; then the nearest minor of the same major, or the end of another major that is nearer."""
    if wanted[0] == bundled[0]:
        return 0, abs(wanted[1] - bundled[1]), bundled
    towards = -bundled[1] if bundled < wanted else bundled[1]
    return abs(wanted[0] - bundled[0]), towards, bundled
