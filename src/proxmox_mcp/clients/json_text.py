"""Edits one member of a JSON text and leaves the rest as people wrote it: comments, order, indentation.

Clients read JSON with comments (VS Code, Gemini CLI) and trailing commas (VS Code), and people keep their files in
version control. So a member is set or removed in the text itself.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLANK = re.compile(r"(?:[ \t\r\n\ufeff]|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_LITERAL = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null")
_DEEPEST = 100
_INDENT = "  "
_FIRST_MARGIN = re.compile(r'\n([ \t]+)"')


class _Node(Struct):
    """A value with its place in the text. ``members`` are those of an object; ``comma``: it ends with a comma."""

    start: int
    end: int
    value: Any
    members: dict[str, _Member] = field(default_factory=dict)
    comma: bool = False

    @property
    def is_object(self) -> bool:
        return isinstance(self.value, dict)


class _Member(Struct):
    start: int
    node: _Node


class JsonText:
    """A JSON text with an object at its top. An empty text is an empty object."""

    def __init__(self, text: str) -> None:
        """Raises ValueError with the line of the first error."""
        self.text = text if text.strip("\ufeff \t\r\n") else "{}\n"
        self._top = _Parser(self.text).whole()
        margin = _FIRST_MARGIN.search(self.text)
        self._step = margin[1] if margin else _INDENT

    def get(self, path: Sequence[str]) -> Any:
        """The value at a path; None if the path has no value."""
        node = self._at(path)
        return None if node is None else node.value

    def with_member(self, path: Sequence[str], value: Any) -> JsonText:
        """The text with a value at a path, whose objects are made where they are missing.

        Raises ValueError if something on the way is not an object.
        """
        *way, name = path
        parent = self._at(way)
        if parent is None:
            return self.with_member(way, {name: value})
        if not parent.is_object:
            raise ValueError(f"`{'.'.join(way)}` is not an object")
        if name in parent.members:
            old = parent.members[name]
            return self._replaced(old.node.start, old.node.end, self._written(value, self._margin(old.start)))
        if parent.members:
            last = list(parent.members.values())[-1]
            margin = self._margin(last.start)
            after = self._comma_after(last.node) + 1 if parent.comma else last.node.end
            added = f"{'' if parent.comma else ','}\n{margin}{json.dumps(name)}: {self._written(value, margin)}"
            return self._replaced(after, after, added)
        outer = self._margin(parent.start)
        margin = outer + self._step
        inside = self.text[parent.start + 1 : parent.end - 1].rstrip()  # perhaps a comment
        added = f"{{{inside}\n{margin}{json.dumps(name)}: {self._written(value, margin)}\n{outer}}}"
        return self._replaced(parent.start, parent.end, added)

    def without_member(self, path: Sequence[str]) -> JsonText:
        """The text without the value at a path; unchanged if the path has no value."""
        *way, name = path
        parent = self._at(way)
        if parent is None or name not in parent.members:
            return self
        names, member = list(parent.members), parent.members[name]
        place = names.index(name)
        if place < len(names) - 1 or (parent.comma and place > 0):
            return self._replaced(self._line_start(member.start), self._comma_after(member.node) + 1, "")
        if place > 0:
            comma = self._comma_after(parent.members[names[place - 1]].node)
            kept = self.text[comma + 1 : self._line_start(member.start)]
            return self._replaced(comma, member.node.end, kept)
        end = self._comma_after(member.node) + 1 if parent.comma else member.node.end
        return self._replaced(parent.start + 1, parent.end - 1, self.text[end : parent.end - 1].rstrip())

    def _comma_after(self, node: _Node) -> int:
        """Where the comma behind a value is, past blanks and comments."""
        blank = _BLANK.match(self.text, node.end)
        return blank.end() if blank else node.end

    def _at(self, path: Sequence[str]) -> _Node | None:
        node = self._top
        for name in path:
            if not node.is_object or name not in node.members:
                return None
            node = node.members[name].node
        return node

    def _margin(self, position: int) -> str:
        """The blanks before the line of a position."""
        line = self.text[self.text.rfind("\n", 0, position) + 1 :]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _line_start(self, position: int) -> int:
        """Where the blanks before a position begin, with the line break before them; the position after other text."""
        before = self.text[:position].rstrip(" \t")
        return len(before) - 1 if before.endswith("\n") else position

    def _written(self, value: Any, margin: str) -> str:
        return json.dumps(value, indent=self._step, ensure_ascii=False).replace("\n", f"\n{margin}")

    def _replaced(self, start: int, end: int, text: str) -> JsonText:
        return JsonText(self.text[:start] + text + self.text[end:])


class _Parser:
    """Reads values with their places. Linear: each character is read once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def whole(self) -> _Node:
        node = self._value(0)
        self._skip()
        if self._position < len(self._text):
            raise self._wrong("nothing more")
        if not node.is_object:
            raise ValueError("the top is not an object")
        return node

    def _value(self, depth: int) -> _Node:
        if depth > _DEEPEST:
            raise ValueError(f"it is nested deeper than {_DEEPEST}")
        self._skip()
        start, sign = self._position, self._text[self._position : self._position + 1]
        if sign == "{":
            return self._object(depth)
        if sign == "[":
            return self._array(depth)
        found = (_STRING if sign == '"' else _LITERAL).match(self._text, start)
        if found is None:
            raise self._wrong("a value")
        self._position = found.end()
        try:
            return _Node(start, found.end(), json.loads(found[0]))
        except ValueError:
            self._position = start
            raise self._wrong("a value") from None

    def _object(self, depth: int) -> _Node:
        node = _Node(self._position, 0, {})
        self._position += 1
        while not self._taken("}"):
            start = self._position
            key = _STRING.match(self._text, start)
            if key is None:
                raise self._wrong("a name in double quotes, or }")
            self._position = key.end()
            if not self._taken(":"):
                raise self._wrong(":")
            name, value = json.loads(key[0]), self._value(depth + 1)
            node.members.pop(name, None)  # the last of two counts, as with JSON.parse
            node.members[name] = _Member(start, value)
            node.value[name] = value.value
            node.comma = self._taken(",")
            if not node.comma and not self._next("}"):
                raise self._wrong(", or }")
        node.end = self._position
        return node

    def _array(self, depth: int) -> _Node:
        node = _Node(self._position, 0, [])
        self._position += 1
        while not self._taken("]"):
            node.value.append(self._value(depth + 1).value)
            if not self._taken(",") and not self._next("]"):
                raise self._wrong(", or ]")
        node.end = self._position
        return node

    def _skip(self) -> None:
        found = _BLANK.match(self._text, self._position)
        self._position = found.end() if found else self._position

    def _next(self, sign: str) -> bool:
        self._skip()
        return self._text.startswith(sign, self._position)

    def _taken(self, sign: str) -> bool:
        """Whether this comes next; it is read then, with the blanks after it."""
        if not self._next(sign):
            return False
        self._position += 1
        if sign not in "}]":  # the end of a value is right behind its bracket
            self._skip()
        return True

    def _wrong(self, expected: str) -> ValueError:
        line = self._text.count("\n", 0, self._position) + 1
        return ValueError(f"line {line}: expected {expected}")
