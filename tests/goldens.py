"""Golden files: what a model or a client reads, word for word."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_UPID = re.compile(r"UPID:([\w-]+):[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:")


def settled(text: str, moving: Iterable[tuple[re.Pattern[str], str]]) -> str:
    """A text without what differs from run to run: the numbers in UPIDs, and the patterns in ``moving``, each with what
    stands in its place."""
    text = _UPID.sub(r"UPID:\1:<pid>:<pstart>:<starttime>:", text)
    for pattern, instead in moving:
        text = pattern.sub(instead, text)
    return text


def hold(path: Path, text: str) -> None:
    """Hold a text to its file; with ``UPDATE_GOLDEN=1`` in the environment write the file instead."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")
    assert f"{text}\n" == path.read_text(encoding="utf-8")
