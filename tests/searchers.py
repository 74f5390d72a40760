"""The search over a bundled schema, built once in a process, at its first use: no test changes it."""

from __future__ import annotations

from functools import cache

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.search import Searcher


@cache
def searcher(version: str) -> Searcher:
    return Searcher(load_index(version))
