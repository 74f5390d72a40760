"""The table of clients: what passes, what doesn't, and the document as it was last written."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from scripts.client_checks import report
from scripts.client_checks.__main__ import CLIENTS, main, rows_of
from scripts.client_checks.check import Check, Client, ClientFaultError, NotInstalledError, Row, UnexpectedError
from scripts.client_checks.install import Cache, Program

ROOT = Path(__file__).parents[2]
WELL = Row("a client", "1.0", "sse", "lists | calls", "as expected", "")


def rows(install: object, run: object) -> list[Row]:
    client = Client("a client", install, [Check("sse", "lists", run)])  # type: ignore[arg-type]
    return list(rows_of(client, Cache(Path()), None))  # type: ignore[arg-type]


def here(_: Cache) -> Program:
    return Program("1.0", ("client",))


def raising(error: Exception) -> object:
    def run(*_: object) -> str:
        raise error

    return run


def test_all_is_well_only_where_something_was_checked_and_came_out_as_expected() -> None:
    assert report.status([WELL, replace(WELL, verdict="client's own fault")]) == 0
    assert report.status([]) == 1
    assert report.status([WELL, replace(WELL, verdict="not as expected")]) == 1
    assert report.status([WELL, replace(WELL, verdict="not installed")]) == 1


def test_a_client_that_cannot_be_installed_is_told_as_such_and_does_not_pass() -> None:
    (row,) = rows(raising(NotInstalledError("npm is not on this machine")), raising(AssertionError("it was run")))
    assert (row.verdict, row.told) == ("not installed", "npm is not on this machine")


@pytest.mark.parametrize("error", [UnexpectedError("it saw nothing"), OSError("it saw nothing")])
def test_a_check_that_fails_in_any_way_has_not_passed(error: Exception) -> None:
    (row,) = rows(here, raising(error))
    assert row.verdict == "not as expected"
    assert row.told.endswith("it saw nothing")


def test_a_known_fault_of_a_client_is_told_as_its_own() -> None:
    (row,) = rows(here, raising(ClientFaultError("it keeps a dead session")))
    assert (row.verdict, row.told) == ("client's own fault", "it keeps a dead session")


def test_without_npm_an_npm_client_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotInstalledError, match="npm is not on this machine"):
        Cache(tmp_path).npm("mcp-remote", "0.15.1", "dist/proxy.js")


def test_rows_that_differ_in_the_transport_alone_are_one_in_the_document() -> None:
    text = report.document([WELL, replace(WELL, transport="http"), replace(WELL, does="restarts")])
    assert "| a client | 1.0 | sse, http | lists \\| calls | as expected |\n" in text
    assert "| a client | 1.0 | sse | restarts | as expected |\n" in text


def test_the_document_is_not_written_from_a_part_of_the_clients() -> None:
    with pytest.raises(SystemExit):
        main(["--only", "fastmcp", "--write"])


def test_the_document_holds_every_check_and_none_that_failed() -> None:
    text = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    written = {(cells[0], cells[3]) for cells in map(_cells, text.splitlines()) if len(cells) == 5} - {
        ("client", "what was done"),
        ("---", "---"),
    }
    checks = {(client.name, check.does) for client in CLIENTS for check in client.checks}
    assert written == checks, "run scripts/clients --write"
    assert set(report.document([]).splitlines()) <= set(text.splitlines()), "run scripts/clients --write"
    assert "not as expected" not in text
    assert "not installed" not in text


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
