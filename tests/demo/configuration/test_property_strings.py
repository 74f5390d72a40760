"""Property strings as a GET shows them decoded."""

from __future__ import annotations

from typing import Any

import pytest

from proxmox_mcp.demo.configuration.property_strings import decoded, encoded, formats_of

KEYS: dict[str, Any] = {
    "type": {"default_key": 1, "type": "string"},
    "secure": {"type": "boolean"},
    "mode": {"alias": "type"},
}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("fast,secure=yes", {"type": "fast", "secure": 1}),
        ("secure=off,type=slow", {"secure": 0, "type": "slow"}),
        ("mode=slow,unknown=1", {"type": "slow", "unknown": "1"}),
    ],
)
def test_a_bare_part_is_the_default_key_booleans_are_numbers_and_the_rest_is_text(
    text: str, parts: dict[str, Any]
) -> None:
    assert decoded(KEYS, text) == parts


def test_parts_are_printed_in_the_order_of_their_keys() -> None:
    assert encoded({"scope": "users", "enable-new": 1}) == "enable-new=1,scope=users"


def test_the_formats_of_an_endpoint_are_those_of_its_property_strings() -> None:
    formats = formats_of("/cluster/options")
    assert formats["migration"]["type"]["default_key"]
    assert "keyboard" not in formats
