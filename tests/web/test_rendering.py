"""How the console writes values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from proxmox_mcp.web.rendering import breakable, prose, size


def test_what_is_typed_stands_out_in_a_sentence() -> None:
    assert prose("Run `proxmox-mcp doctor` & wait.") == "Run <code>proxmox-mcp doctor</code> &amp; wait."


@pytest.mark.parametrize("text", ["a ` b", "`", "no ticks"])
def test_a_lone_backtick_is_a_character(text: str) -> None:
    assert prose(text) == text


@given(st.text())
def test_no_text_becomes_markup(text: str) -> None:
    for shown in (prose(text), breakable(text)):
        without = str(shown).replace("<code>", "").replace("</code>", "").replace("<wbr>", "")
        assert "<" not in without
        assert ">" not in without


def test_a_path_breaks_after_its_slashes() -> None:
    assert breakable("/nodes/<x>") == Markup("/<wbr>nodes/<wbr>{}").format(escape("<x>"))


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
