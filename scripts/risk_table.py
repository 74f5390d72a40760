#!/usr/bin/env python3
"""Write docs/risks.md: every endpoint, its risk, and what each mode does with it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from proxmox_mcp.apidoc.load import bundled_versions, load_bundled
from proxmox_mcp.guard.risk import reviewed_risks
from proxmox_mcp.guard.table import render


def main() -> None:
    document = render({version: load_bundled(version) for version in bundled_versions()}, reviewed_risks())
    Path(__file__).resolve().parents[1].joinpath("docs", "risks.md").write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
