from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.app.logs import configure_logging
from proxmox_mcp.record.redaction import Redactor
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "a-secret-of-ours-0123"


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Puts the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def configured(capsys: pytest.CaptureFixture[str], **settings: str) -> logging.Logger:
    configure_logging(load_settings(settings).server, Redactor([SECRET]))
    return logging.getLogger("proxmox_mcp.test")


def test_a_line_for_people_has_time_level_and_name_and_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configured(capsys).warning("node %s is away", "pve1")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.rstrip().endswith(" WARNING proxmox_mcp.test: node pve1 is away")


def test_a_log_line_for_collectors_is_one_json_object_for_any_message(capsys: pytest.CaptureFixture[str]) -> None:
    log = configured(capsys, MCP_LOG_FORMAT="json")
    log.error('broken "quotes"\nand lines: %s', "ü")
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry["message"] == 'broken "quotes"\nand lines: ü'
    assert (entry["level"], entry["logger"]) == ("ERROR", "proxmox_mcp.test")


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_gets_through_not_even_in_a_traceback(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    log = configured(capsys, MCP_LOG_FORMAT=form)
    log.info("sent %s", SECRET)
    try:
        int(f"Bearer {SECRET}")
    except ValueError:
        log.exception("failed")
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert said.count("[secret]") >= 2
    assert SECRET not in said


def test_the_level_holds_for_us_and_libraries_are_heard_from_warnings_up(capsys: pytest.CaptureFixture[str]) -> None:
    log = configured(capsys, MCP_LOG_LEVEL="debug")
    log.debug("ours")
    logging.getLogger("urllib3.connectionpool").debug("theirs, with headers")
    logging.getLogger("mcp.server.sse").info("theirs")
    said = capsys.readouterr().err
    assert "ours" in said
    assert "theirs" not in said
    quiet = configured(capsys, MCP_LOG_LEVEL="ERROR")
    quiet.warning("unheard")
    assert capsys.readouterr().err == ""


def test_logging_is_not_sent_to_standard_output_which_stdio_speaks_on() -> None:
    configure_logging(load_settings({}).server)
    streams = [handler.stream for handler in logging.getLogger().handlers if isinstance(handler, logging.StreamHandler)]
    assert streams
    assert sys.stdout not in streams
