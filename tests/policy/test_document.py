from __future__ import annotations

import re
from pathlib import Path

from proxmox_mcp.apidoc import bundled_versions
from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.load import load_bundled
from proxmox_mcp.apidoc.reviews import call_key
from proxmox_mcp.policy.document import render

DOCUMENT = Path(__file__).parents[2] / "docs" / "effects.md"


def test_the_document_of_effects_is_current() -> None:
    made = render({version: load_bundled(version) for version in bundled_versions()}, bundled_effects())
    assert DOCUMENT.read_text(encoding="utf-8") == made, "run scripts/generate_docs.py"


def test_the_document_names_each_endpoint_once() -> None:
    told = re.findall(r"`((?:[A-Z]+\|?)+) (/\S*)`", DOCUMENT.read_text(encoding="utf-8"))
    calls = [call_key(method, path) for methods, path in told for method in methods.split("|")]
    known = {call_key(e.method, e.path) for version in bundled_versions() for e in load_bundled(version).endpoints}
    assert sorted(calls) == sorted(known)
