"""The reviews are read when the first call is judged: what is asked before, such as the list of tools, needs none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.gateway import Request, schema_source

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.reviews import Reviews
    from proxmox_mcp.gateway import Gateway


pytestmark = pytest.mark.anyio


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Reviews]:
    """Every reading of the reviews that a judgement has waited for."""
    found: list[Reviews] = []

    def read() -> Reviews:
        found.append(bundled_effects())
        return found[-1]

    monkeypatch.setattr(schema_source, "bundled_effects", read)
    return found


async def test_a_gateway_is_made_without_the_reviews_and_reads_them_once(
    readings: list[Reviews], gateway: Gateway
) -> None:
    assert not readings
    for _ in range(3):
        await gateway.call(Request(method="GET", path="/version"))
    assert readings == [bundled_effects()]
