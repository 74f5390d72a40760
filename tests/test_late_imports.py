"""What is imported inside a function is in a table of ``docs/architecture.md``, with what it costs and who needs it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from sources import modules

ROOT = Path(__file__).parents[1]
PROGRAM = "proxmox_mcp."


def _told() -> set[str]:
    """The modules of the table; those of the program without its name."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("| imported inside a function |")
    table = rest.partition("\n\n")[0].splitlines()[2:]
    return {name for row in table for name in re.findall(r"`([\w.]+)`", row.split("|")[1])}


@cache
def _late() -> dict[str, str]:
    """What functions import: the module of the program, or the package of somebody else, each with one place."""
    found: dict[str, str] = {}
    for path, tree in modules():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    for module in _imported(node):
                        of_program = module.startswith(PROGRAM)
                        name = module.removeprefix(PROGRAM) if of_program else module.partition(".")[0]
                        found[name] = f"{path.relative_to(ROOT)}:{function.lineno}"
    return found


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def test_what_is_imported_inside_a_function_has_its_reason() -> None:
    unexplained = {name: place for name, place in _late().items() if name not in _told()}
    assert not unexplained, "import it at the top of the module, or measure it and add it to docs/architecture.md"


def test_the_table_names_nothing_that_is_imported_at_the_top_again() -> None:
    assert not _told() - set(_late())
