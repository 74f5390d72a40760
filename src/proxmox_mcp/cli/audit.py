"""``proxmox-mcp audit``: lists and filters the audit log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from proxmox_mcp.errors import SettingsError
from proxmox_mcp.record.audit import read, written
from proxmox_mcp.settings import load_settings


def _moment(_: click.Context, __: click.Parameter, text: str) -> str:
    """A time in the format of the audit log; without a zone it is UTC, as there."""
    if not text:
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a time. Write 2026-11-22T05:00 or 2026-11-22.") from None
    return written(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


@click.command()
@click.option("--file", "path", type=click.Path(path_type=Path), help="The audit file; by default MCP_AUDIT_FILE.")
@click.option("--since", default="", callback=_moment, help="From this time on (UTC), such as 2026-11-22T05:00.")
@click.option("--until", default="", callback=_moment, help="Up to this time.")
@click.option("--caller", default="", help="Calls of this caller.")
@click.option("--guest", default="", help="Calls on this guest (its number).")
@click.option("--result", default="", help="With this result: ok, unconfirmed, guard.denied, pve.failed, ...")
@click.option("--json", "as_json", is_flag=True, help="Print the lines of the file as they are.")
def audit(path: Path | None, as_json: bool, **wanted: str) -> None:
    """List and filter the audit log."""
    path = path or Path(load_settings().server.mcp_audit_file)
    if not path.name:
        raise SettingsError("There is no audit file.", "Name one with --file, or set MCP_AUDIT_FILE.")
    for record in read(path, **{name: value for name, value in wanted.items() if value}):
        if as_json:
            click.echo(json.dumps(record))
        elif line := _line(record):
            click.echo(line)


def _line(record: dict[str, Any]) -> str:
    """A record as people read it; empty for the intent of a call, whose outcome follows."""
    event, time = record.get("event", ""), record.get("time", "")
    if event == "intent":
        return ""
    if event == "outcome":
        call = f"{record.get('method', ''):<6} {record.get('path', '')} {record.get('upid', '')}"
        return f"{time} {record.get('caller', ''):<10} {record.get('result', ''):<16} {call}".rstrip()
    details = " ".join(f"{name}={value}" for name, value in record.items() if name not in ("time", "event", "by"))
    return f"{time} {record.get('by', ''):<10} {event:<16} {details}".rstrip()
