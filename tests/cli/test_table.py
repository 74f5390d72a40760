"""Tables for people: aligned, without empty columns, and safe to print."""

from __future__ import annotations

import click
import pytest

from proxmox_mcp.cli.cluster_reads import matches, records_of
from proxmox_mcp.cli.table import Cell, TableColumn, table
from proxmox_mcp.errors import AnswerError

COLUMNS = (TableColumn("id", right=True), TableColumn("name"), TableColumn("note"))


def test_numbers_are_aligned_by_their_last_digit_and_texts_by_their_first_letter() -> None:
    text = click.unstyle(table(COLUMNS, [[Cell("9"), Cell("db"), Cell("x")], [Cell("100"), Cell("web-01"), Cell("")]]))
    assert text.splitlines() == [" ID  NAME    NOTE", "  9  db      x", "100  web-01"]


def test_a_column_that_is_empty_in_all_rows_is_left_out() -> None:
    text = click.unstyle(table(COLUMNS, [[Cell("9"), Cell("db"), Cell("")]]))
    assert text.splitlines() == ["ID  NAME", " 9  db"]


def test_a_colour_does_not_count_as_width() -> None:
    rows = [[Cell("9"), Cell("db", "red"), Cell("x")], [Cell("100"), Cell("web-01", "green"), Cell("y")]]
    plain = [[Cell(cell.text) for cell in row] for row in rows]
    assert click.unstyle(table(COLUMNS, rows)) == click.unstyle(table(COLUMNS, plain))


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\u202eb", "a\ud800b"])
def test_a_name_can_neither_move_the_cursor_nor_break_the_line(name: str) -> None:
    text = click.unstyle(table(COLUMNS, [[Cell("9"), Cell.of(name), Cell("")]]))
    assert len(text.splitlines()) == 2
    assert "\x1b" not in text
    assert "\u202e" not in text
    text.encode()


def test_a_number_is_a_whole_guest_and_a_word_is_part_of_a_text() -> None:
    assert matches("100", ["web"], "100")
    assert not matches("10", ["web"], "100")
    assert matches("10", ["app-10"], "100")
    assert matches("WEB", ["my-web-01"])
    assert not matches("db", ["my-web-01"])


@pytest.mark.parametrize("answer", [None, {"a": 1}, ["text"], "text"])
def test_an_answer_that_is_no_list_of_records_is_an_error_with_advice(answer: object) -> None:
    with pytest.raises(AnswerError, match="something other than a list") as caught:
        records_of(answer, "/cluster/resources")
    assert "PROXMOX_HOST" in caught.value.advice
