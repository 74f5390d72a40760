from __future__ import annotations

import pytest

from proxmox_mcp.apidoc.formats import net_ip


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("10.0.0.1", 4),
        ("8", 4),
        ("10.1", 4),
        ("10.0.0.0/24", 4),
        ("10.0.0.0/24/8", 4),
        ("1/second", 4),
        ("10.0.0.1-10.0.0.9", 4),
        ("10.0.0.1 - 10.0.0.9.", 4),
        ("10.0.0.1 + 5", 4),
        ("fd00::/64", 6),
        ("::ffff:1.2.3.4", 6),
        ("fd00::1-fd00::9", 6),
        ("10.0.0.1/24", None),
        ("10.0.0.0/33", None),
        ("0100", None),
        ("256", None),
        ("10.0.0.", None),
        (".1", None),
        ("10..1", None),
        ("10.0.0.9-10.0.0.1", None),
        ("10.0.0.1-fd00::1", None),
        ("fd00::1/64", None),
        ("1:2:3:4:5:6:7:8:9", None),
        ("1::2::3", None),
        (":1::2", None),
        ("1:2:3", None),
        ("", None),
        ("x", None),
    ],
)
def test_net_ip_takes_more_than_addresses_and_less_than_networks(text: str, version: int | None) -> None:
    assert net_ip.version(text) == version
