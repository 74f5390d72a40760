"""What the API has no endpoint for, and what to do instead: ``apidoc/absent.txt``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxmox_mcp.errors import ApidocFormatError

if TYPE_CHECKING:
    from pathlib import Path


class Absence(NamedTuple):
    """Something that people ask for and the API does not have: what it is, what to do instead, how they ask."""

    subject: str
    instead: str
    phrases: tuple[str, ...]


def load_absences(path: Path) -> list[Absence]:
    """Read ``absent.txt``; an entry that is not complete raises ApidocFormatError with its first line."""
    found: list[Absence] = []
    for block in _blocks(path.read_text(encoding="utf-8")):
        subject, *rest = block
        instead = [line.strip() for line in rest if not line.strip().startswith("~")]
        wordings = [line.strip().removeprefix("~de").removeprefix("~") for line in rest if line.strip().startswith("~")]
        phrases = tuple(phrase.strip() for line in wordings for phrase in line.split("|"))
        if subject.startswith(" ") or len(instead) != 1 or not all(phrases) or not phrases:
            raise ApidocFormatError(f"{path.name}: '{subject.strip()}' needs one line of advice and phrases after '~'")
        found.append(Absence(subject, instead[0], phrases))
    return found


def _blocks(text: str) -> list[list[str]]:
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line.strip():
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]
