from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.app.logs import configure_logging
from proxmox_mcp.guard.audit import AuditCall, AuditLog, Outcome
from proxmox_mcp.guard.redact import Redactor
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

CALL = AuditCall(id="1", caller="ops", tool="proxmox_api_call", method="DELETE", path="/nodes/pve1/qemu/100")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logger.level for name, logger in root.manager.loggerDict.items() if hasattr(logger, "level")}
    yield
    root.handlers[:], root.level = handlers, level
    for name, logger in root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            logger.setLevel(levels.get(name, logging.NOTSET))


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_audit_is_in_the_log_whatever_its_level(level: str, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(load_settings({"MCP_LOG_LEVEL": level, "MCP_LOG_FORMAT": form}).server)
    audit = AuditLog(None, Redactor())
    audit.intent(CALL)
    audit.outcome(CALL, Outcome(result="ok", seconds=0.1))
    assert capsys.readouterr().err.count("/nodes/pve1/qemu/100") == 2


def test_other_lines_are_held_to_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(load_settings({"MCP_LOG_LEVEL": "ERROR"}).server)
    logging.getLogger("proxmox_mcp").warning("not to be seen")
    assert capsys.readouterr().err == ""
