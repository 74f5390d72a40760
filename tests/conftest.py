"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The sample data beside the repository: real ``apidoc.js`` files, verdicts, questions, recordings."""
    if not SHARED.is_dir():
        pytest.skip("the sample data (../shared/data) is not beside this checkout")
    return SHARED
