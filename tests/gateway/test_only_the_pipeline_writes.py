"""Only the guarded pipeline can change a cluster: nothing else may hold what sends more than a GET."""

from __future__ import annotations

import ast
import inspect

from proxmox_mcp.proxmox.access import Reader
from sources import PACKAGE, modules

MAKERS = {"assembly.py", "proxmox/access.py", "proxmox/client.py"}
"""Where the parts are put together, and where they are defined."""


def names_in(tree: ast.Module) -> set[str]:
    """Every name that a module mentions: as a variable, an attribute or an import."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                found.add(name)
            case _:
                pass
    return found


def modules_naming(name: str) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path, tree in modules(name) if name in names_in(tree)}


def test_only_the_pipeline_names_a_writer() -> None:
    assert modules_naming("Writer") - MAKERS == {"gateway/pipeline.py"}


def test_only_the_pipeline_is_handed_what_runs_commands_in_guests() -> None:
    assert modules_naming("GuestAccess") - MAKERS == set()
    assert modules_naming("GuestCommands") - MAKERS == {"gateway/pipeline.py", "guests/__init__.py"}


def test_nobody_else_holds_what_a_writer_is_made_of() -> None:
    assert modules_naming("Proxmox") - MAKERS == set()
    assert modules_naming("_proxmox") - MAKERS == set()


def test_a_name_is_found_however_it_is_mentioned() -> None:
    mentions = ("import x.Writer as y", "from a import Writer as W", "a.Writer", "def f(w: Writer): ...", "Writer()")
    assert all({"Writer", "x.Writer"} & names_in(ast.parse(each)) for each in mentions)


def test_a_reader_sends_nothing_but_gets() -> None:
    public = {name: member for name, member in vars(Reader).items() if not name.startswith("_") and callable(member)}
    assert {"get", "read"} <= public.keys()
    for name, member in public.items():
        assert "method" not in inspect.signature(member).parameters, name
    source = ast.parse(inspect.getsource(Reader))
    sent = [node for node in ast.walk(source) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    exchanges = [node for node in sent if ast.unparse(node.func) in ("self._proxmox.request", "self._proxmox.answer")]
    assert len(exchanges) == 2
    assert [ast.literal_eval(node.args[0]) for node in exchanges] == ["GET", "GET"]
