"""What a package offers is listed in its ``__all__``, names and modules; nobody outside imports anything else of it.

A module in that list is one whose names are imported from the module itself, so that what only some need is loaded when
they need it.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from sources import modules

SOURCE = Path(__file__).parents[1] / "src"
PACKAGES = sorted(
    ".".join(init.parent.relative_to(SOURCE).parts)
    for init in SOURCE.rglob("__init__.py")
    if init.parent.parent != SOURCE  # the program itself, which is imported by nobody
)


@cache
def _offered(package: str) -> tuple[str, ...]:
    tree = ast.parse((SOURCE.joinpath(*package.split(".")) / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(n, ast.Name) and n.id == "__all__" for n in node.targets):
            return tuple(ast.literal_eval(node.value))
    return ()


def _defined(folder: Path) -> set[str]:
    """The names that the ``__init__`` of a package imports or makes."""
    names: set[str] = set()
    for node in ast.parse((folder / "__init__.py").read_text(encoding="utf-8")).body:
        match node:
            case ast.ImportFrom():
                names |= {alias.asname or alias.name for alias in node.names}
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Assign():
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return names


@cache
def _imports() -> list[tuple[str, str, str]]:
    """Who imports what of which package of the program: importing module, package, name or module in it."""
    found = []
    for path, tree in modules():
        importer = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for node in ast.walk(tree):
            for imported in _imported(node):
                parts = imported.split(".")
                packages = (".".join(parts[:length]) for length in range(2, len(parts)))
                found += [(importer, package, imported) for package in packages if package in PACKAGES]
    return found


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def _is_inside(module: str, package: str) -> bool:
    return module.startswith(package + ".")


@pytest.mark.parametrize("package", PACKAGES)
def test_only_what_a_package_lists_is_imported_from_outside(package: str) -> None:
    past = {
        f"{importer} imports {imported}"
        for importer, imported_from, imported in _imports()
        if imported_from == package and not _is_inside(importer, package)
        if imported.removeprefix(package + ".").split(".")[0] not in _offered(package)
    }
    assert not past, f"either use what {package} lists in __all__, or list it there: {sorted(past)}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_what_it_has_and_no_module_that_only_it_uses(package: str) -> None:
    used = {
        imported.removeprefix(package + ".").split(".")[0]
        for importer, imported_from, imported in _imports()
        if imported_from == package and not _is_inside(importer, package)
    }
    folder = SOURCE.joinpath(*package.split("."))
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    defined = _defined(folder)
    assert not [name for name in _offered(package) if name in modules - defined and name not in used]
    assert set(_offered(package)) <= modules | defined


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_what_it_offers(package: str) -> None:
    assert _offered(package)
