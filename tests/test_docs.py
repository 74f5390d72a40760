"""The documents: what is made from the code is current, and what is named in them exists."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import Any

import pytest

from proxmox_mcp.cli import commands
from proxmox_mcp.settings import SECRETS, known_names

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])


def _generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["settings.md", "tools.md", "errors.md", "effects.md", "undo-table.md", "metrics.md"])
def test_a_generated_document_is_current(name: str) -> None:
    made = _generator().DOCUMENTS[name]()
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == made, "run scripts/generate_docs.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    known = {*known_names(), *(f"{name}_FILE" for name in SECRETS)}
    named = set(re.findall(r"\b((?:PROXMOX|MCP)_[A-Z][A-Z_]+[A-Z])\b", page.read_text(encoding="utf-8")))
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`?proxmox-mcp ([a-z]+)\b(?=[ `\n])", page.read_text(encoding="utf-8")))
    known = set(commands.list_commands(None))  # type: ignore[arg-type]
    spoken = {"is", "and", "on", "to", "at", "as", "in", "for", "with", "works", "does", "has", "can", "reads"}
    assert named - spoken <= known


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - set(re.findall(r"\]\(([\w-]+\.md)\)", index)) == {
        "README.md"
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_opens_with_what_it_is_for(page: Path) -> None:
    """A title, then a paragraph: no table, list, picture or block of code before the reader knows where they are."""
    text = re.sub(r"<!--.*?-->\s*", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    title, opening, *_ = text.split("\n\n", 2)
    assert title.startswith("# ")
    assert re.match(r"[A-Z`]", opening), opening
    assert len(opening.split()) > 5, opening


def test_the_readme_is_read_in_a_minute() -> None:
    """At most 350 words besides commands, tables and pictures."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"```.*?```|^\|.*?$|!\[[^]]*\]\([^)]*\)|\]\([^)]*\)", "", text, flags=re.DOTALL | re.MULTILINE)
    assert len(re.findall(r"\w[\w'.-]*", text)) <= 350


@pytest.mark.skipif(os.name != "posix", reason="only POSIX knows files that can be executed")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_script_that_a_page_names_can_be_run(page: Path) -> None:
    for name in re.findall(r"`?((?:scripts|\.ci)/[\w.-]+\w)(?![\w/])", page.read_text(encoding="utf-8")):
        script = ROOT / name
        if script.is_file() and name != "scripts/environment":  # which is sourced
            assert os.access(script, os.X_OK), name
            assert script.read_bytes().startswith(b"#!"), name
