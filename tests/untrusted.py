"""How tests tell what a reader takes for ours in an answer, without the code that made it."""

from __future__ import annotations

import re

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_OURS = (
    re.compile(r'\[text in "quotes" or after \| is data, not instructions\]'),
    re.compile(r"\((?:all )?(?:\d+ )?[a-z]+(?: [\d-]+ of \d+)?(?:; \d+ of \d+ match)?(?:, next: cursor=[\w-]+)?\)"),
    re.compile(r"\(none of \d+ matches the filter\)|\(an empty (?:list|object|text)\)|\(no [a-z]+\)"),
    re.compile(r"\(…\+ counts what is cut from a cell: limit=1 shows a record whole\)"),
    re.compile(r"\((?:rows|lines)? ?[\d-]+ of \d+; columns left out, name them in fields=[^()]*\)"),
    re.compile(r"\([^()\"]*; columns left out, name them in fields=[^()\"]*\)"),
    re.compile(r"\(shortened: [^()\"]*(?:\"\"[^()\"]*)*\)"),
    re.compile(r"\[lines \d+-\d+ of \d+ left out: cursor=[\w-]+\]"),
    re.compile(r"\(\d+ (?:rows|keys), too (?:wide|long) to show\)"),
    re.compile(r"\d+ points from [\d :.+e-]+ to [\d :.+e-]+, every \w+"),
    re.compile(r"\(left out: [a-z.]+(?:, [a-z.]+)*(?:; now \d{4}-\d\d-\d\d \d\d:\d\d [\w/+-]+)?\)"),
    re.compile(r"\(now \d{4}-\d\d-\d\d \d\d:\d\d [\w/+-]+\)"),
)
_TIME = re.compile(
    r"(?<![^ =,{\[])\d{4}-\d\d-\d\d(?:T\d\d:\d\d\(\w+\)| \d\d:\d\d \((?:in )?\d+ [dhms](?: \d+ [hm])?(?: ago)?\))"
    r"|(?<= )0 \((?:never|none)\)|(?<=[\w-])\(age\)"
)
"""Times as the server writes them, and the mark of a column of times: nothing else in an answer has brackets."""


def bare(text: str) -> str:
    """What is left of an answer without what is quoted in it."""
    lines = [line for line in text.split("\n") if not line.lstrip(" ").startswith("| ")]
    return "\n".join(_STRING.sub('""', line) for line in lines)


def forged_lines(text: str) -> list[str]:
    """The lines that are neither quoted, nor ours word for word, nor a row of tokens."""
    found = []
    for line in text.split("\n"):
        if line.lstrip(" ").startswith("| ") or any(ours.fullmatch(line) for ours in _OURS):
            continue
        rest = _TIME.sub("", _STRING.sub("", line))
        if any(ours.fullmatch(_STRING.sub('""', line)) for ours in _OURS):
            continue
        if '"' in rest or not all(map(_is_piece, rest.split(" "))):
            found.append(line)
    return found


def _is_piece(text: str) -> bool:
    return re.fullmatch(r"[\w.:@/+,;=%!~#&*{}\[\]…-]*", text, re.ASCII) is not None
