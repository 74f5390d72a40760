"""Finding endpoints by what people mean: a library of its own, on top of ``proxmox_mcp.apidoc``.

from proxmox_mcp.search import Searcher
Searcher(index).search("grow a disk", limit=5)      # [Hit(endpoint, score, ...)], best first
"""

from __future__ import annotations

from proxmox_mcp.search.absent import Absence
from proxmox_mcp.search.grouping import HitGroup, group
from proxmox_mcp.search.presentation import SearchAnswer, answer, reference
from proxmox_mcp.search.searcher import Hit, Results, Searcher

__all__ = ["Absence", "Hit", "HitGroup", "Results", "SearchAnswer", "Searcher", "answer", "group", "reference"]
