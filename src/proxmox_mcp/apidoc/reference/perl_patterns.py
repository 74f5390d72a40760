"""Perl's patterns made shorter to read."""

from __future__ import annotations

import re

_IDLE_GROUP = re.compile(r"\((?:\?:)?(?!\?)((?:\\.|\[[^\]]*\]|[^()|\\\[])*)\)(?![*+?{])")
_HEX = re.compile(r"\[(?=[^\]]{9}\])(?:(?:0-9|a-f|A-F)){3}\]|\[(?:a-f0-9|0-9a-f)\]")
_LIST = re.compile(r"(.{4,})\((?:\?:)?;\1\)\*")


def readable(pattern: str) -> str:
    """A pattern without groups that have no effect.

    ``\\h`` stands for a hexadecimal digit (a small one fits everywhere), ``x;..`` for several x with semicolons.
    """
    pattern = _HEX.sub(r"\\h", pattern.replace("(?^:", "(?:"))
    while (simpler := _unwrapped(_IDLE_GROUP.sub(r"\1", pattern))) != pattern:
        pattern = simpler
    return _unwrapped(_LIST.sub(r"\1;..", pattern)).removeprefix("^").removesuffix("$")


def _unwrapped(pattern: str) -> str:
    """The content of the only group that a pattern consists of."""
    inner = pattern.removeprefix("(?:").removesuffix(")")
    if len(pattern) - len(inner) != len("(?:)"):
        return pattern
    depth = 0
    for token in re.findall(r"\\.|\[[^\]]*\]|[()]", inner):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth < 0:
            return pattern
    return inner
