"""The program's own modules, for tests of what all of its code keeps to."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import proxmox_mcp

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(proxmox_mcp.__file__).parent


def modules(*naming: str) -> Iterator[tuple[Path, ast.Module]]:
    """Each module and its tree, by its path; with ``naming`` only those in whose text one of the words is."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if not naming or any(word in _text(path) for word in naming):
            yield path, _tree(path)


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(_text(path))
