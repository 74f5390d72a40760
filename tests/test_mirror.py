"""The tests mirror ``src``: each module has a test file of its name, or names those through which it is tested.

So whoever changes a module knows which tests to run and where a new one belongs. Tests use what is public: one that
reads a private attribute breaks when the code behind it is improved, and proves nothing about behaviour.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "proxmox_mcp"
TESTS = ROOT / "tests"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))

_COMMENT = re.compile(r"^# Tested through ((?:[^\n]*\n# )*?[^\n]*\.py)\.$", re.MULTILINE)
_NAMED = re.compile(r"tests/[\w/]+\.py")

PUBLIC_BY_DOCUMENT = {"_replace", "_asdict", "_fields", "_exit", "_current_frames"}
"""Names with an underscore that the standard library documents: of named tuples, of ``os`` and of ``sys``."""

PARSES_PATTERNS = TESTS / "pattern_attacks.py"
"""Takes patterns apart with private parts of ``re``: there is no public parser of them."""


def _own_tests(module: Path) -> Path:
    inside = module.relative_to(SOURCE)
    return TESTS / inside.with_name(f"test_{inside.name}")


@cache
def _named_tests(module: Path) -> list[str]:
    """The test files that the comment at the top of a module names."""
    top = module.read_text(encoding="utf-8").partition("\nfrom __future__ import annotations\n")[0]
    comment = _COMMENT.search(top)
    return _NAMED.findall(comment.group(1)) if comment else []


def test_a_module_has_a_test_file_or_names_those_through_which_it_is_tested() -> None:
    neither = [
        _own_tests(module).relative_to(ROOT).as_posix()
        for module in MODULES
        if not _own_tests(module).exists() and not _named_tests(module)
    ]
    assert neither == [], "add the file, or a comment below the module's docstring: # Tested through tests/....py."


def test_a_module_that_has_a_test_file_of_its_name_names_no_other() -> None:
    assert [module.name for module in MODULES if _own_tests(module).exists() and _named_tests(module)] == []


def test_the_tests_that_a_module_names_exist() -> None:
    named = {name for module in MODULES for name in _named_tests(module)}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


_MAYBE_PRIVATE = re.compile(r"""(?<!\bself)(?<!\bcls)\._[a-zA-Z]|["'.]_\w+["']|\bimport\b[^"']*?\b_[a-zA-Z]""")
"""A text without it has no private use: most files need not be parsed, which takes seconds for all of them."""


def _private_uses(text: str) -> list[str]:
    """Private attributes of anything but ``self`` and ``cls`` that are read or set, and private names imported."""
    found: list[str] = []
    if not _MAYBE_PRIVATE.search(text):
        return found
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls" | "super")):
                continue
            case ast.Attribute(attr=name) if _is_private(name):
                found.append(f"line {node.lineno}: .{name}")
            case ast.ImportFrom(names=names):
                found += [f"line {node.lineno}: import {alias.name}" for alias in names if _is_private(alias.name)]
            case ast.Call(
                func=ast.Attribute(attr="setattr" | "delattr"),
                args=[ast.Constant(value=str(name)), *_] | [_, ast.Constant(value=str(name)), *_],
            ):
                if _is_private(name.rpartition(".")[2]):
                    found.append(f"line {node.lineno}: {name}")
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "hasattr"), args=[of, ast.Constant(value=str(name)), *_]
            ):
                if _is_private(name) and not (isinstance(of, ast.Name) and of.id == "self"):
                    found.append(f"line {node.lineno}: {name}")
    return found


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name not in PUBLIC_BY_DOCUMENT


def test_tests_use_what_is_public() -> None:
    uses = {
        path.relative_to(ROOT).as_posix(): _private_uses(path.read_text(encoding="utf-8"))
        for path in sorted(TESTS.rglob("*.py"))
        if path != PARSES_PATTERNS
    }
    assert {path: found for path, found in uses.items() if found} == {}


@pytest.mark.parametrize(
    "text",
    [
        "limits._recent",
        "limits._recent = []",
        "from proxmox_mcp.policy.limits import _window",
        "monkeypatch.setattr(limits, '_recent', [])",
        "monkeypatch.setattr('proxmox_mcp.policy.limits._recent', [])",
        "monkeypatch.delattr('proxmox_mcp.policy.limits._recent')",
        "getattr(limits, '_recent')",
    ],
)
def test_each_way_to_reach_a_private_name_is_found(text: str) -> None:
    assert _private_uses(text)


def test_what_a_test_class_keeps_for_itself_is_its_own() -> None:
    assert not _private_uses("self._kept = named._replace(a=1).__dict__")
