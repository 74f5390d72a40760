"""Every regular expression of the product, attacked with texts made from its own parts."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

import pytest

import proxmox_mcp
from growth import SHORT, steepest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ALL_OF_IT = frozenset({"sub", "subn", "split", "findall", "finditer"})
_METHODS = _ALL_OF_IT | {"search", "match", "fullmatch"}
_NOT_READ = ("proxmox_mcp.demo.", "proxmox_mcp.__main__")
"""Packages that need what is not always installed, and read nothing of anybody's."""
_MOST_REPEATS = 16
OURS = {
    "apidoc.facts": "apidoc.js",
    "apidoc.effects": "files that ship with the code",
    "apidoc.reviews": "templates of the schema",
    "apidoc.snapshot": "snapshots that ship with the code",
    "policy.toml_lines": "the operator's files",
    "policy.policy_file": "the operator's files",
    "search.grouping": "templates of the schema",
    "search.intents": "files that ship with the code",
    "search.vocabulary": "files that ship with the code",
    "apidoc.reference.perl_patterns": "patterns of the schema",
    "apidoc.reference.folding": "names of the schema",
}
"""Modules whose patterns read only what is ours, and what that is."""
CUT = {
    "apidoc.formats.net_ip": "takes no text over 256 characters",
    "proxmox.progress": "looks at 500 characters of a line",
}
"""Modules that look at no more of a text than this."""
_CHARACTERS = "a0 -_./:@=,;A\t\n\"'{[(<*|%#+!~\\é"
_ENDS = ("", "\0!\n ")


class Used:
    """A pattern, and the ways in which it is asked."""

    def __init__(self, where: str, pattern: re.Pattern[str], methods: Iterable[str]) -> None:
        self.where, self.pattern, self.methods = where, pattern, frozenset(methods)

    def work(self, text: str) -> None:
        for method in self.methods:
            if method == "sub":
                self.pattern.sub("", text)
            elif method == "finditer":
                for _ in self.pattern.finditer(text):
                    pass
            else:
                getattr(self.pattern, method)(text)


def used_patterns() -> Iterator[Used]:
    for module_info in pkgutil.walk_packages(proxmox_mcp.__path__, "proxmox_mcp."):
        if module_info.name.startswith(_NOT_READ):
            continue
        module = importlib.import_module(module_info.name)
        tree = ast.parse(inspect.getsource(module))
        asked = _asked(tree)
        for name, value in vars(module).items():
            for pattern, method in _within(value):
                methods = {method} if method else asked.get(name) or {"search", "sub"}
                yield Used(f"{module.__name__}.{name}", _of_text(pattern), methods)
        for pattern, method, line in _inline(tree):
            yield Used(f"{module.__name__}:{line}", pattern, {method})


def _of_text(pattern: re.Pattern[Any]) -> re.Pattern[str]:
    """A pattern for bytes as the same one for text: what it costs does not depend on that."""
    if isinstance(pattern.pattern, str):
        return pattern
    return re.compile(pattern.pattern.decode("latin-1"), pattern.flags | re.ASCII)


def _asked(tree: ast.Module) -> dict[str, set[str]]:
    """For each name the methods that are called on it."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in _METHODS:
            found.setdefault(node.value.id, set()).add(node.attr)
    return found


def _inline(tree: ast.Module) -> Iterator[tuple[re.Pattern[str], str, int]]:
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name) or called.value.id != "re":
            continue
        assert isinstance(node, ast.Call)
        if called.attr not in _METHODS or not isinstance(node.args[0], ast.Constant):
            continue
        written = node.args[0].value
        if isinstance(written, str):
            yield re.compile(written, re.MULTILINE), called.attr, node.lineno


def _within(value: Any) -> Iterator[tuple[re.Pattern[str], str]]:
    """The patterns in a value, with the method where it is bound to one."""
    if isinstance(value, re.Pattern):
        yield value, ""
    elif isinstance(owner := getattr(value, "__self__", None), re.Pattern):
        yield owner, value.__name__
    elif isinstance(value, tuple | list):
        for member in value:
            yield from _within(member)
    elif isinstance(value, dict):
        for member in value.values():
            yield from _within(member)


def attacks(pattern: re.Pattern[str]) -> list[tuple[str, str, str]]:
    """Texts as start, what is repeated, and end, made so that parts of the pattern fit over and over, and all fails."""
    tree = _parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, str) else 0)
    made: dict[tuple[str, str], None] = {}
    for before, body in _pumps(list(tree), ""):
        made[before, body] = None
        made["\0", body] = None
        made["", before + body] = None
        if before:
            made["", before] = None
    for character in sorted(set(pattern.pattern) - set("\\")):
        made["", character] = None
    return [(start, body, end) for start, body in made if body for end in _ENDS]


def _pumps(tree: list[Any], before: str) -> Iterator[tuple[str, str]]:
    """Each part that may repeat, with a text of what stands before it."""
    for position, (operation, argument) in enumerate(tree):
        so_far = before + _text(tree[:position])
        if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            if argument[1] > _MOST_REPEATS:
                for body in _texts(list(argument[2])):
                    yield so_far, body
            yield from _pumps(list(argument[2]), so_far)
        elif operation is sre.SUBPATTERN:
            yield from _pumps(list(argument[3]), so_far)
        elif operation is sre.ATOMIC_GROUP:
            yield from _pumps(list(argument), so_far)
        elif operation is sre.BRANCH:
            for each in argument[1]:
                yield from _pumps(list(each), so_far)
        elif operation in (sre.ASSERT, sre.ASSERT_NOT):
            yield from _pumps(list(argument[1]), so_far)


def _texts(tree: list[Any]) -> list[str]:
    """A few texts that fit, differing in their first character."""
    first = next((_characters(operation, argument) for operation, argument in tree[:1]), [])
    return [each + _text(tree[1:]) for each in first[:3]] or [_text(tree)]


def _text(tree: list[Any]) -> str:
    """A text that fits, of the least there is but one of what may be absent."""
    return "".join(_one(operation, argument) for operation, argument in tree)


def _one(operation: Any, argument: Any) -> str:
    if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        return _text(list(argument[2])) * int(min(max(1, argument[0]), argument[1]))
    if operation is sre.SUBPATTERN:
        return _text(list(argument[3]))
    if operation is sre.ATOMIC_GROUP:
        return _text(list(argument))
    if operation is sre.BRANCH:
        return _text(list(argument[1][0]))
    return (_characters(operation, argument) or [""])[0]


def _characters(operation: Any, argument: Any) -> list[str]:
    if operation is sre.LITERAL:
        return [chr(argument)]
    if operation is sre.ANY:
        return ["a", " "]
    if operation is sre.NOT_LITERAL:
        return [each for each in _CHARACTERS if each != chr(argument)]
    if operation is sre.IN:
        listed = [chr(value) for kind, value in argument if kind is sre.LITERAL]
        listed += [chr(value[0]) for kind, value in argument if kind is sre.RANGE]
        return [each for each in (*_CHARACTERS, *listed) if _takes(argument, each)]
    return []


def _takes(members: list[Any], character: str) -> bool:
    found = negated = False
    for kind, value in members:
        if kind is sre.NEGATE:
            negated = True
        elif kind is sre.LITERAL:
            found = found or ord(character) == value
        elif kind is sre.RANGE:
            found = found or value[0] <= ord(character) <= value[1]
        elif kind is sre.CATEGORY:
            found = found or re.match(_CLASSES[value], character) is not None
    return found != negated


_CLASSES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}

_EXEMPT = tuple(f"proxmox_mcp.{module}{mark}" for module in (*OURS, *CUT) for mark in ".:")
PATTERNS = {
    f"{used.where} {used.pattern.pattern[:40]}": used for used in used_patterns() if not used.where.startswith(_EXEMPT)
}


def steep_attacks(used: Used) -> list[str]:
    """The first attack under which a pattern takes more than linear time."""
    for start, body, end in attacks(used.pattern):

        def work(size: int, start: str = start, body: str = body, end: str = end) -> Any:
            text = start + body * (size // len(body)) + end
            return lambda: used.work(text)

        if told := steepest(work, SHORT):
            return [f"{start!r} + {body!r}*n + {end!r}: {told}"]
    return []


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_a_pattern_takes_linear_time_on_whatever_its_own_parts_can_make(name: str) -> None:
    assert not steep_attacks(PATTERNS[name])


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(otpauth://[^\s?]*\?)[^\s\"']*", "sub"),
        (r"\{[^}]*\}", "sub"),
        (r"^[ \t]+|[ \t]+$", "sub"),
        (r"(a+)+$", "match"),
        (r"a.*b.*c", "search"),
    ],
)
def test_patterns_that_were_too_slow_are_told(pattern: str, method: str) -> None:
    """What these tests are worth: patterns that once held up the whole server, and the textbook's."""
    assert steep_attacks(Used("", re.compile(pattern), {method}))
