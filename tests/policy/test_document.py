from __future__ import annotations

from pathlib import Path

from proxmox_mcp.apidoc import bundled_versions
from proxmox_mcp.apidoc.load import load_bundled
from proxmox_mcp.policy.document import render
from proxmox_mcp.policy.risk import reviewed_risks

DOCUMENT = Path(__file__).parents[2] / "docs" / "risks.md"


def test_the_document_of_risks_is_current() -> None:
    made = render({version: load_bundled(version) for version in bundled_versions()}, reviewed_risks())
    assert DOCUMENT.read_text(encoding="utf-8") == made, "run scripts/generate_docs.py"


def test_the_document_names_each_endpoint_once() -> None:
    rows = [line.split(" | ")[0] for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if "` | " in line]
    calls = {(e.method, e.path) for version in bundled_versions() for e in load_bundled(version).endpoints}
    assert sorted(rows) == sorted(f"| {method} `{path}`" for method, path in calls)
