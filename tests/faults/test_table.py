"""``docs/faults.md`` is what the run found. The last of its directory, after every row is in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from faults.table import DOCUMENT, Table, told

if TYPE_CHECKING:
    from pathlib import Path

HERE = "tests/faults/"


def test_the_document_has_a_row_for_each_fault_as_it_was_found(table: Table, request: pytest.FixtureRequest) -> None:
    ran = {item.path.name for item in request.session.items if HERE in item.path.as_posix()}
    if ran != {path.name for path in _modules(request.path)}:
        pytest.skip("not all faults were tried")
    if request.session.testsfailed:
        pytest.skip("a test has failed: its row is missing")
    written, found = told(DOCUMENT.read_text(encoding="utf-8")), told(str(table))
    if table.incomplete or "PYTEST_XDIST_WORKER" in os.environ:  # then other rows are found by another process
        assert set(found) <= set(written), "a fault that was not tried may be missing, none may differ"
        return
    if os.environ.get("UPDATE_GOLDEN"):
        DOCUMENT.write_text(str(table), encoding="utf-8")
        written = told(DOCUMENT.read_text(encoding="utf-8"))
    assert sorted(written) == sorted(found)  # Which module comes first is up to what else runs.


def _modules(here: Path) -> list[Path]:
    return sorted(here.parent.glob("test_*.py"))
