"""Perl's patterns made shorter to read."""

from __future__ import annotations

import pytest

from proxmox_mcp.apidoc.reference.perl_patterns import readable


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(?^:(?^:a+)b)", "a+b"),
        (r"(?^:[a-fA-F0-9]{4})", r"\h{4}"),
        (r"(?^:\d+(?:;\d+)*)", r"\d+(?:;\d+)*"),
        (r"(?:x\d{2})(;(?:x\d{2}))*", r"x\d{2};.."),
        (r"(a|b)c", "(a|b)c"),
        (r"(ab)?c", "(ab)?c"),
        (r"(?i:ab)", "(?i:ab)"),
    ],
)
def test_patterns_lose_what_says_nothing(pattern: str, text: str) -> None:
    assert readable(pattern) == text
