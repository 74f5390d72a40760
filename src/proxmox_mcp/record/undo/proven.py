"""Which inverses a recording of Proxmox's own code, or a test on the demo cluster, shows to work.

``apidoc/undo.txt`` holds one endpoint a line, with what it was seen to do where it does several things
(``Inverse.forms``), and how it was shown. Tests write it (``tests/record/test_undo_recorded.py``).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.data_files import data_directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@cache
def proven() -> Mapping[str, frozenset[str]]:
    """The forms that were shown, by ``call_key``. An endpoint that is not in it was not shown at all."""
    return read_proven(data_directory() / "undo.txt")


@cache
def shown_by() -> Mapping[str, str]:
    """How each was shown, by ``call_key``: ``recorded``, ``demo``, or both, apart by a blank."""
    found: dict[str, set[str]] = {}
    for line in (data_directory() / "undo.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            how, _, rest = line.partition(" ")
            found.setdefault(rest.partition(": ")[0], set()).add(how)
    return {key: " ".join(sorted(how, reverse=True)) for key, how in found.items()}


def read_proven(path: Path) -> Mapping[str, frozenset[str]]:
    """Lines ``recorded PUT /nodes/{}/lxc/{}/config: allocate, values``; ``#`` begins a comment."""
    found: dict[str, frozenset[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            key, _, forms = line.partition(" ")[2].partition(": ")
            found[key] = found.get(key, frozenset()) | {form for form in forms.split(", ") if form}
    return found
