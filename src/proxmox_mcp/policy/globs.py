"""Names and paths with ``*``, held against text that others choose: in linear time, however many ``*`` there are.

``re`` goes back over the text for each ``*`` of a pattern such as ``*a*b*c*``; what is between two of them is
looked for once, from left to right, which is enough since the first place that fits leaves the most for what follows.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def name_matches(pattern: str, name: str, *, fold: bool = False) -> bool:
    """Whether a name fits a pattern in which ``*`` stands for any text; with ``fold`` whatever the case."""
    return _fits(pattern.casefold(), name.casefold()) if fold else _fits(pattern, name)


def _fits(pattern: str, text: str) -> bool:
    first, *others = pattern.split("*")
    if not others:
        return text == pattern
    *between, last = others
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in between:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def path_matches(pattern: str, template: str, *, literal: bool = False) -> bool:
    """Whether a rule's path fits a template: ``*`` within a segment, ``**`` any segments, ``{x}`` any parameter.

    With ``literal``, against a path instead: a parameter fits any segment. No segment of a path is empty, so nothing
    fits one.
    """
    head, *others = _runs(pattern)
    segments = template.removeprefix("/").split("/") if template.startswith("/") else [""]
    if "" in segments:
        return False
    if not others:
        return len(segments) == len(head) and _all_fit(head, segments, 0, literal)
    *between, last = others
    if len(segments) < len(head) + len(last) or not _all_fit(head, segments, 0, literal):
        return False
    end = len(segments) - len(last)
    if not _all_fit(last, segments, end, literal):
        return False
    position = len(head)
    for run in between:
        places = range(position, end - len(run) + 1)
        found = next((place for place in places if _all_fit(run, segments, place, literal)), None)
        if found is None:
            return False
        position = found + len(run)
    return True


@lru_cache(maxsize=1024)
def _runs(pattern: str) -> tuple[tuple[str, ...], ...]:
    """The segments of a pattern, as the runs between its ``**``."""
    runs: list[list[str]] = [[]]
    for segment in pattern.strip("/").split("/"):
        if segment == "**":
            runs.append([])
        else:
            runs[-1].append(segment)
    return tuple(map(tuple, runs))


def _all_fit(run: Sequence[str], segments: Sequence[str], position: int, literal: bool) -> bool:
    return all(_segment_fits(each, segments[position + index], literal) for index, each in enumerate(run))


_is_parameter = re.compile(r"\{[^{}]*\}").fullmatch


def _segment_fits(pattern: str, segment: str, literal: bool) -> bool:
    if _is_parameter(pattern):
        return segment != "" and (literal or _is_parameter(segment) is not None)
    return _fits(pattern, segment)
