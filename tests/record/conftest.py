"""What tests of records share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.record.changes import Changes
from proxmox_mcp.record.redaction import Redactor
from proxmox_mcp.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from clock import Clock


@pytest.fixture
def changes(tmp_path: Path, clock: Clock) -> Changes:
    return Changes(Store.in_directory(tmp_path), Redactor(), keep_days=90, clock=clock)
