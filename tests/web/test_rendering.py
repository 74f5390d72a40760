"""How the console writes values."""

from __future__ import annotations

import pytest

from proxmox_mcp.web.rendering import size


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (None, "–"),
        (0, "0 B"),
        (640, "640 B"),
        (81.23 * 2**30, "81.2 GiB"),
        (999.7 * 2**30, "1000 GiB"),
        (1023 * 2**30, "1023 GiB"),
        (1023.7 * 2**20, "1 GiB"),
    ],
)
def test_a_size_is_written_in_its_largest_unit_without_an_exponent(number: float | None, shown: str) -> None:
    assert size(number) == shown
