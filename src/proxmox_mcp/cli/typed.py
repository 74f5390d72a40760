"""Advice for a person at the command line: its calls as commands to type, where a model is told the call alone."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

_CALL = re.compile(
    r"(?<!call )(?<!description of )(?<!`)\b(GET|POST|PUT|DELETE) (/[^\s,;()`]*[^\s,;()`.:])(?![{])"
    r"(?: with ((?:\w+=[\w.-]*\w)(?: and \w+=[\w.-]*\w)*)| data=(\{[^{}]*\}))?"
)
_GUESTS = ("GET", "/cluster/resources", ["type=vm"])
_NAMES = {"search_api": "proxmox-mcp search"}
_TOOL = re.compile("|".join(map(re.escape, _NAMES)))


def as_typed(advice: str) -> str:
    """The advice with ``GET /nodes`` as `` `proxmox-mcp call GET /nodes` ``. A template of a path stays as it is."""
    return _CALL.sub(_command, _TOOL.sub(lambda found: _NAMES[found[0]], advice))


def _command(found: re.Match[str]) -> str:
    method, path = found[1], found[2]
    if "{" in path or found.string.count('"', 0, found.start()) % 2:  # Within quotes are the words of somebody else.
        return found[0]
    try:
        given = found[3].split(" and ") if found[3] else _of_json(found[4] or "{}")
    except ValueError:
        return found[0]
    if (method, path, given) == _GUESTS:
        return "`proxmox-mcp guests`"
    return f"`{shlex.join(['proxmox-mcp', 'call', method, path, *given])}`"


def _of_json(text: str) -> list[str]:
    data: dict[str, Any] = json.loads(text)
    return [f"{name}={value}" for name, value in data.items()]
