"""Where the tables and keys of a TOML file are: ``tomllib`` says it only for faults of syntax.

Call it on text that ``tomllib`` has read. It serves messages: a form it can't follow (inline tables) has the line
of the statement that holds it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""'
    r"|'''.*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]",
    re.DOTALL,
)
_BRACKET = re.compile(r""""(?:\\.|[^"\\\n])*+"?|'[^'\n]*+'?|#[^\n]*+|[\[\]{}]""")
_KEY = re.compile(r"""\s*(?:"(?P<basic>[^"]*)"|'(?P<literal>[^']*)'|(?P<bare>[A-Za-z0-9_-]+))\s*[.=]""")
_HEADER = re.compile(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]")


class TomlSection(Struct, frozen=True):
    """A table header with the lines of its keys. The top of the file has the name ``""``."""

    name: str
    line: int
    keys: dict[str, int] = field(default_factory=dict)

    def line_of(self, key: str) -> int:
        return self.keys.get(key, self.line)


def sections(text: str) -> list[TomlSection]:
    """All tables of a file in their order, the top first."""
    found = [TomlSection("", 1)]
    for line, statement in _statements(text):
        header = _HEADER.match(statement)
        key = _KEY.match(statement)
        if header:
            found.append(TomlSection(re.sub(r"[\s\"']", "", header[1]), line))
        elif key:
            found[-1].keys.setdefault(key["basic"] or key["literal"] or key["bare"] or "", line)
    return found


def depth(text: str) -> int:
    """How many brackets are open at once at most, strings and comments left out; for any text, in linear time."""
    now = most = 0
    for token in _BRACKET.finditer(text):
        now = now + 1 if token[0] in "[{" else max(0, now - 1) if token[0] in "]}" else now
        most = max(most, now)
    return most


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement with its line: a newline within brackets or a string doesn't end one."""
    start, line, depth = 0, 1, 0
    for token in _TOKEN.finditer(text):
        kind = token[0][0]
        if kind in "[{":
            depth += 1
        elif kind in "]}":
            depth -= 1
        elif kind == "\n" and depth == 0:
            yield line, text[start : token.start()]
            line += text.count("\n", start, token.end())
            start = token.end()
    yield line, text[start:]
