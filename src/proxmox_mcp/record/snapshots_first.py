"""Names of the snapshots that are taken before a call because a rule asks for them."""

from __future__ import annotations

import re
import secrets
import time

PREFIX = "mcp-"
_TAKEN = re.compile(rf"{PREFIX}[0-9]{{8}}-[0-9]{{6}}-[0-9a-f]{{4}}")


def new_name() -> str:
    """``mcp-20261128-203000-1f3a``: local time, and what tells two of one second apart."""
    return f"{PREFIX}{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def is_taken_first(name: object) -> bool:
    """Whether a snapshot's name is one of these. People may begin names of their own with ``mcp-`` too."""
    return isinstance(name, str) and _TAKEN.fullmatch(name) is not None
