"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

_TOGETHER = ("tests/faults/",)
"""Directories whose tests share what they find, so that one process has to run them all."""
SHARED = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The sample data beside the repository: real ``apidoc.js`` files, verdicts, questions, recordings."""
    if not SHARED.is_dir():
        pytest.skip("the sample data (../shared/data) is not beside this checkout")
    return SHARED


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the work, a file goes to one: its tests share servers and build on each other."""
    for item in items:
        file = item.nodeid.partition("::")[0]
        together = next((directory for directory in _TOGETHER if file.startswith(directory)), file)
        item.add_marker(pytest.mark.xdist_group(together))
