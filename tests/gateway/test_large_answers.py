"""Work on large values leaves the event loop; work on all others stays there."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from proxmox_mcp.gateway.answers import off_the_loop

pytestmark = pytest.mark.anyio


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "is_large"),
    [
        (None, False),
        ("x" * 16_383, False),
        ("x" * 16_384, True),
        ([0] * 1_023, False),
        ([0] * 1_024, True),
        ({"rows": [{"name": "x" * 100}] * 100}, False),
        ({"rows": [{"name": "x" * 100}] * 200}, True),
        (nested(1_000), False),
        (nested(100_000), True),
    ],
    ids=["nothing", "a text", "a long text", "a list", "a long list", "rows", "many rows", "nested", "deeply nested"],
)
async def test_only_work_on_large_values_is_done_in_another_thread(value: Any, is_large: bool) -> None:
    done_in = await off_the_loop(value, threading.get_ident)
    assert (done_in != threading.get_ident()) == is_large


async def test_the_work_gets_its_arguments_and_its_error_comes_back() -> None:
    for value in ("short", "x" * 20_000):
        assert await off_the_loop(value, divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await off_the_loop(value, divmod, 7, 0)
