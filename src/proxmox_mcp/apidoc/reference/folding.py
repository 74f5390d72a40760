"""Lists of names in fewer characters, none left out: ``scsi[0-30]``, ``EPYC{,-Milan,-Rome}``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBERED = re.compile(r"(.*?[a-z])(0|[1-9]\d*)", re.IGNORECASE)
_HEAD = re.compile(r"[-_.]?[^-_.]+")
_RUN = 3


def fold_names(names: Iterable[str]) -> list[str]:
    """The names, runs of numbers as ``base[first-last]``, those with the same beginning as ``beginning{rest,rest}``."""
    heads: dict[str, list[str]] = {}
    for name in _runs(list(names)):
        match = _HEAD.match(name)
        heads.setdefault(match[0] if match else name, []).append(name)
    return [text for head, members in heads.items() for text in _begun(head, members)]


def beginnings(names: Iterable[str]) -> list[str]:
    """The names; where several begin alike, only their beginning (``EPYC*``)."""
    heads: dict[str, list[str]] = {}
    for name in names:
        match = _HEAD.match(name)
        heads.setdefault(match[0] if match else name, []).append(name)
    return [members[0] if len(members) == 1 else f"{head}*" for head, members in heads.items()]


def _begun(head: str, members: list[str]) -> list[str]:
    if len(members) == 1:
        return members
    rests = fold_names(member.removeprefix(head) for member in members)
    text = head + rests[0] if len(rests) == 1 else f"{head}{{{','.join(rests)}}}"
    return [text] if len(text) < len("|".join(members)) else members


def _runs(names: list[str]) -> list[str]:
    found: list[str] = []
    position = 0
    while position < len(names):
        end = _end_of_run(names, position)
        if end - position >= _RUN and (first := _NUMBERED.fullmatch(names[position])):
            found.append(f"{first[1]}[{first[2]}-{int(first[2]) + end - position - 1}]")
            position = end
        else:
            found.append(names[position])
            position += 1
    return found


def _end_of_run(names: list[str], start: int) -> int:
    match = _NUMBERED.fullmatch(names[start])
    if match is None:
        return start + 1
    end, number = start, int(match[2])
    while end < len(names) and names[end] == f"{match[1]}{number}":
        end, number = end + 1, number + 1
    return end
