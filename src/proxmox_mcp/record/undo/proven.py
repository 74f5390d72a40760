"""Which inverses a recording made with Proxmox's own code, or a test on the demo cluster, shows to work.

``apidoc/undo.txt`` holds one endpoint a line, with what it was seen to do where it does several things
(``Inverse.forms``), and how it was shown. Tests write it (``tests/record/test_undo_recorded.py``).
"""

# Tested through tests/record/test_undo_recorded.py and tests/test_docs.py.

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.data_files import data_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@cache
def proven() -> Mapping[str, frozenset[str]]:
    """The forms that were shown, by ``call_key``. An endpoint that is not in it was not shown at all."""
    return read_proven(data_directory() / "undo.txt")


@cache
def shown_by() -> Mapping[str, str]:
    """How each was shown, by ``call_key``: ``recorded``, ``demo``, or both, apart by a blank."""
    found: dict[str, set[str]] = {}
    for how, key, _ in _lines(data_directory() / "undo.txt"):
        found.setdefault(key, set()).add(how)
    return {key: " ".join(sorted(how, reverse=True)) for key, how in found.items()}


def read_proven(path: Path) -> Mapping[str, frozenset[str]]:
    """The forms that a file names, by ``call_key``."""
    found: dict[str, frozenset[str]] = {}
    for _, key, forms in _lines(path):
        found[key] = found.get(key, frozenset()) | forms
    return found


def _lines(path: Path) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Of ``recorded PUT /nodes/{}/lxc/{}/config: allocate, values`` how it was shown, the key and the forms.

    ``#`` begins a comment.
    """
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            how, _, rest = line.partition(" ")
            key, _, forms = rest.partition(": ")
            yield how, key, frozenset(filter(None, forms.split(", ")))
