"""The ways in which people ask for each endpoint: the files of ``apidoc/intents``.

    GET /nodes/{node}/qemu/{vmid}/status/current
      Live state of a VM: running or stopped, memory, uptime, lock.        what it does, one line
      ~ is my vm running | qm status                                       phrases
      ~de läuft die vm noch                                                phrases in German
      @lock: unlock a stuck vm | vm is locked                              phrases for a parameter of it

Each of the indented lines except the first may be repeated; a line that starts with ``#`` is a comment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct, field

from proxmox_mcp.errors import ApidocFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Key = tuple[str, str]
"""Method and path template."""

_HEAD = re.compile(r"(GET|POST|PUT|DELETE) (/\S*)")
_PHRASES = ("~ ", "~de ")
_PARAMETER = re.compile(r"@([A-Za-z][\w-]*(?:\[n\])?): (.*)")


class Intent(Struct, frozen=True):
    """What an endpoint does, and how people ask for it and for its parameters."""

    does: str
    phrases: tuple[str, ...] = ()
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class _Draft(Struct):
    does: str = ""
    phrases: list[str] = field(default_factory=list)
    parameters: dict[str, list[str]] = field(default_factory=dict)

    def finished(self) -> Intent:
        parameters = {name: tuple(phrases) for name, phrases in self.parameters.items()}
        return Intent(self.does, tuple(self.phrases), parameters)


def load_intents(directory: Path) -> dict[Key, Intent]:
    """Read all files of a directory.

    Raises ApidocFormatError, with file and line, for a line of no known form, an entry that is there twice, an
    entry without phrases, and an empty phrase.
    """
    drafts: dict[Key, _Draft] = {}
    for path in sorted(directory.glob("*.txt")):
        _read(path, drafts)
    return {key: draft.finished() for key, draft in drafts.items()}


def _read(path: Path, drafts: dict[Key, _Draft]) -> None:
    draft: _Draft | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        try:
            if not text or text.startswith("#"):
                continue
            if line.startswith(" "):
                _add(text, draft)
            else:
                _finish(draft)
                draft = _begin(text, drafts)
        except ValueError as fault:
            raise ApidocFormatError(f"{path.name}, line {number}: {fault}") from None
    try:
        _finish(draft)
    except ValueError as fault:
        raise ApidocFormatError(f"{path.name}, last entry: {fault}") from None


def _begin(text: str, drafts: dict[Key, _Draft]) -> _Draft:
    head = _HEAD.fullmatch(text)
    if head is None:
        raise ValueError(f"not 'METHOD /path': {text}")
    key = (head[1], head[2])
    if key in drafts:
        raise ValueError(f"{text} has an entry already")
    return drafts.setdefault(key, _Draft())


def _finish(draft: _Draft | None) -> None:
    if draft is not None and not (draft.does and draft.phrases):
        raise ValueError("the entry above has no line that says what it does, or no phrases")


def _add(text: str, draft: _Draft | None) -> None:
    if draft is None:
        raise ValueError("an indented line before the first 'METHOD /path'")
    if text.startswith(_PHRASES):
        draft.phrases += _split(text.partition(" ")[2])
    elif parameter := _PARAMETER.fullmatch(text):
        draft.parameters.setdefault(parameter[1], []).extend(_split(parameter[2]))
    elif draft.does or text[0] in "~@":
        raise ValueError(f"neither '~ phrases', '~de phrases' nor '@parameter: phrases': {text}")
    else:
        draft.does = text


def _split(text: str) -> list[str]:
    phrases = [phrase.strip() for phrase in text.split("|")]
    if not all(phrases):
        raise ValueError("an empty phrase")
    return phrases
