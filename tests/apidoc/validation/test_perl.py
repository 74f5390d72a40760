from __future__ import annotations

import pytest

from proxmox_mcp.apidoc.validation import perl


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("a,b;c d\te\nf", ["a", "b", "c", "d", "e", "f"]),
        (" ,a,, b; ", ["a", "b"]),
        (",;", []),
        ("", []),
        ("a\0b,c\0", ["a", "b,c"]),
        ("\0a", ["", "a"]),
    ],
)
def test_a_list_is_split_at_nuls_or_else_at_commas_semicolons_and_blanks(text: str, members: list[str]) -> None:
    assert perl.split_list(text) == members


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("+5", 5), ("-3.5e1x", -35), (" 7", 7), (".5", 0.5), ("", 0), ("abc", 0), ("٣", 0), ("3٣", 3)],
)
def test_arithmetic_reads_the_number_that_a_text_starts_with(text: str, value: float) -> None:
    assert perl.number(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(5.0, "5"), (-0.5, "-0.5"), (1.5, "1.5"), (1e15, "1e+15"), (1e300, "1e+300"), (0.1 + 0.2, "0.3")],
)
def test_numbers_are_written_as_perl_prints_them(value: float, text: str) -> None:
    assert perl.text_of_number(value) == text


def test_only_the_empty_text_and_0_are_false() -> None:
    assert [text for text in ("", "0", "00", "0.0", " ", "no") if not perl.is_true(text)] == ["", "0"]
