"""Every install command that this project shows, in documents, files for tools, and messages of its own."""

from __future__ import annotations

import ast
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from install_commands import MAY_NAME_ONE, PROJECT, ROOT, commands, faults
from proxmox_mcp.installation import DISTRIBUTION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LEFT_OUT = {".git", ".venv", "node_modules", "dist", "tests", ".hypothesis", "__pycache__"}
_SUFFIXES = {"", ".md", ".json", ".yaml", ".yml", ".toml", ".py", ".sh", ".js", ".html"}


def _files() -> Iterator[Path]:
    """All that is written by hand: the snapshots and the lock are data."""
    for directory, names, files in os.walk(ROOT):
        names[:] = sorted(name for name in names if name not in _LEFT_OUT and not name.endswith("_cache"))
        for name in sorted(files):
            path = ROOT / os.path.relpath(directory, ROOT) / name
            if path.suffix in _SUFFIXES and path.name != ".git":
                yield path


def _texts(path: Path) -> Iterator[str]:
    """The texts of a file that may hold a command: strings of code, joined arrays of JSON, else the whole."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".py" and not MAY_NAME_ONE.search(text):
        return
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.List | ast.Tuple) and node.elts:
                yield " ".join(
                    e.value if isinstance(e, ast.Constant) and isinstance(e.value, str) else "{}" for e in node.elts
                )
        return
    yield text
    if path.suffix == ".json":
        yield from _lines_of(json.loads(text))


def _lines_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("command"), str):
            yield " ".join([value["command"], *map(str, value.get("args", ()))])
        for member in value.values():
            yield from _lines_of(member)
    elif isinstance(value, list):
        for member in value:
            yield from _lines_of(member)


FILES = {str(path.relative_to(ROOT)): path for path in _files()}


@pytest.mark.parametrize("name", FILES)
def test_no_install_command_looks_this_project_up_in_a_public_index(name: str) -> None:
    assert [fault for text in _texts(FILES[name]) for fault in faults(text)] == []


def test_the_commands_that_are_there_are_seen() -> None:
    seen = {name: [each for text in _texts(path) for each in commands(text)] for name, path in FILES.items()}
    for name in ("README.md", "docs/install.md", "docs/deploy.md", "docs/replicas.md", "docs/upgrade.md", "Dockerfile"):
        assert seen[name], name
    assert sum(map(len, seen.values())) > 12


def test_the_distribution_has_a_name_of_its_own_and_the_command_keeps_its_name() -> None:
    assert PROJECT["name"] == DISTRIBUTION == "proxmox-mcp-gateway"
    assert list(PROJECT["scripts"]) == ["proxmox-mcp"]


@pytest.mark.parametrize(
    "text",
    [
        "pip install proxmox-mcp",
        "Install it with: pip install 'proxmox-mcp[demo]'",
        "run `python3 -m pip install --user proxmox_mcp`",
        "pip install -q proxmox-mcp-gateway",
        "pip install --upgrade 'proxmox-mcp-gateway[replicas]>=1'",
        "pipx install proxmox-mcp",
        "pipx install --python python3.12 proxmox-mcp && proxmox-mcp doctor",
        "pipx run proxmox-mcp doctor",
        "pipx run --spec proxmox-mcp proxmox-mcp doctor",
        "pipx inject proxmox-mcp redis",
        "pipx uninstall proxmox-mcp",
        "uv tool upgrade proxmox-mcp",
        "uvx proxmox-mcp serve --stdio",
        "uvx --from proxmox-mcp proxmox-mcp serve",
        "uv tool run proxmox-mcp",
        "uv run --with proxmox-mcp proxmox-mcp",
        "uv add proxmox-mcp",
        "uv pip install proxmox.mcp",
        "uv sync --extra demos",
        "pip install '.[demos]'",
        "it needs proxmox-mcp[replicas]",
        "pip install a-name-that-nobody-knows",
    ],
)
def test_a_command_that_would_hand_a_stranger_the_password_is_found(text: str) -> None:
    assert faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "pip install -q '.[demo]' && .venv/bin/proxmox-mcp demo",
        "pipx install .           # or: uv tool install .",
        "pipx install '.[replicas]'",
        "uv tool install --force '/srv/project[demo,replicas]'",
        "pipx install --force --editable '/srv/project[demo]'",
        "uvx --from dist/proxmox_mcp_gateway-0.1.0-py3-none-any.whl proxmox-mcp doctor",
        "pip install 'proxmox-mcp-gateway[demo] @ git+https://git.example.org/owner/proxmox-mcp.git@main'",
        "pipx inject proxmox-mcp-gateway 'fakepve[crypto]<0.6,>=0.5'",
        "pipx uninstall proxmox-mcp-gateway",
        "uv sync --inexact --extra demo",
        'pip install --no-cache-dir "uv==${UV_VERSION}"',
    ],
)
def test_a_command_that_names_a_checkout_a_wheel_or_the_package_of_a_dependency_is_sound(text: str) -> None:
    assert faults(text) == []
    assert commands(text) or "uninstall" in text
