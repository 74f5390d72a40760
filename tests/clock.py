"""A clock that stands still until a test moves it."""

from __future__ import annotations

import pytest


class Clock:
    """Seconds since 1970, as ``time.time`` tells them: called by the code under test, set by the test."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()
