"""Every regular expression of the product, attacked with texts made from its own parts."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

import proxmox_mcp
from growth import SHORT, steepest
from pattern_attacks import attacks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ALL_OF_IT = frozenset({"sub", "subn", "split", "findall", "finditer"})
_METHODS = _ALL_OF_IT | {"search", "match", "fullmatch"}
_NOT_READ = ("proxmox_mcp.demo.", "proxmox_mcp.__main__")
"""Packages that need what is not always installed, and read nothing of anybody's."""
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


@dataclass(frozen=True)
class Used:
    """A pattern, and the ways in which it is asked."""

    where: str
    pattern: re.Pattern[str]
    methods: frozenset[str]


def ask(pattern: re.Pattern[str], methods: Iterable[str], text: str) -> None:
    for method in methods:
        if method == "sub":
            pattern.sub("", text)
        elif method == "finditer":
            for _ in pattern.finditer(text):
                pass
        else:
            getattr(pattern, method)(text)


def used_patterns(name: str) -> Iterator[Used]:
    """The patterns of a module, those that it imports too: it may ask them in another way."""
    module = importlib.import_module(name)
    tree = ast.parse(inspect.getsource(module))
    asked = _asked(tree)
    for member, value in vars(module).items():
        for pattern, method in _within(value):
            methods = {method} if method else asked.get(member) or {"search", "sub"}
            yield Used(f"{name}.{member}", _of_text(pattern), frozenset(methods))
    for pattern, method, line in _inline(tree):
        yield Used(f"{name}:{line}", pattern, frozenset({method}))


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


_EXEMPT = frozenset(f"proxmox_mcp.{module}" for module in (*OURS, *CUT))
MODULES = [
    each.name
    for each in pkgutil.walk_packages(proxmox_mcp.__path__, "proxmox_mcp.")
    if each.name not in _EXEMPT and not each.name.startswith(_NOT_READ)
]
"""Only their names: reading the code of all of them is left to the tests, as each process collects all tests."""


@cache
def steep_attack(pattern: re.Pattern[str], methods: frozenset[str]) -> str:
    """The first attack under which a pattern takes more than linear time; many modules import the same one."""
    for start, body, end in attacks(pattern):

        def work(size: int, start: str = start, body: str = body, end: str = end) -> Any:
            text = start + body * (size // len(body)) + end
            return lambda: ask(pattern, methods, text)

        if told := steepest(work, SHORT):
            return f"{start!r} + {body!r}*n + {end!r}: {told}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_a_pattern_takes_linear_time_on_whatever_its_own_parts_can_make(module: str) -> None:
    told = {
        f"{used.where} {used.pattern.pattern}": steep_attack(used.pattern, used.methods)
        for used in used_patterns(module)
    }
    assert {where: steep for where, steep in told.items() if steep} == {}


def test_the_patterns_of_a_module_are_seen_wherever_they_stand() -> None:
    seen = {used.where: used.methods for used in used_patterns("proxmox_mcp.record.secret_patterns")}
    assert seen["proxmox_mcp.record.secret_patterns._OTPAUTH"] == {"search", "sub"}
    assert "proxmox_mcp.record.secret_patterns.PATTERNS" in seen
    assert {used.methods for used in used_patterns("proxmox_mcp.untrusted")} >= {frozenset({"fullmatch"})}


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(otpauth://[^\s?]*\?)[^\s\"']*", "sub"),
        (r"\{[^}]*\}", "sub"),
        pytest.param(r"^[ \t]+|[ \t]+$", "sub", marks=pytest.mark.slow),
        pytest.param(r"(a+)+$", "match", marks=pytest.mark.slow),
        (r"a.*b.*c", "search"),
    ],
)
def test_patterns_that_were_too_slow_are_told(pattern: str, method: str) -> None:
    """What these tests are worth: patterns that once held up the whole server, and the textbook's."""
    assert steep_attack(re.compile(pattern), frozenset({method}))
