"""``proxmox-mcp audit``: lists and filters the audit log, and verifies its chain (``audit verify``)."""

# Tested through tests/cli/test_operator_commands.py.

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from proxmox_mcp.errors import AuditError, SettingsError
from proxmox_mcp.record.audit import read, written
from proxmox_mcp.record.audit_file import head_of, read_head
from proxmox_mcp.record.audit_verify import verify
from proxmox_mcp.record.chain import ChainKey
from proxmox_mcp.settings import load_settings

_SHOWN_APART = frozenset({"time", "event", "by", "chain_start", "seq", "chain"})


def _moment(_: click.Context, __: click.Parameter, text: str) -> str:
    """A time in the format of the audit log; without a zone it is UTC, as there."""
    if not text:
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a time. Write 2026-11-22T05:00 or 2026-11-22.") from None
    return written(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--file", "path", type=click.Path(path_type=Path), help="The audit file; by default MCP_AUDIT_FILE.")
@click.option("--since", default="", callback=_moment, help="From this time on (UTC), such as 2026-11-22T05:00.")
@click.option("--until", default="", callback=_moment, help="Up to this time.")
@click.option("--caller", default="", help="Calls of this caller.")
@click.option("--guest", default="", help="Calls on this guest (its number).")
@click.option("--result", default="", help="With this result: ok, unconfirmed, guard.denied, pve.failed, ...")
@click.option("--json", "as_json", is_flag=True, help="Print the lines of the file as they are.")
def audit(context: click.Context, /, path: Path | None, as_json: bool, **wanted: str) -> None:
    """List, filter and verify the audit log."""
    if context.invoked_subcommand:
        return
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
    details = " ".join(f"{name}={value}" for name, value in record.items() if name not in _SHOWN_APART)
    return f"{time} {record.get('by', ''):<10} {event:<16} {details}".rstrip()


@audit.command("verify")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--key-file",
    "key_files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A key that sealed lines before MCP_AUDIT_KEY was changed. May be repeated.",
)
def verify_files(files: tuple[Path, ...], key_files: tuple[Path, ...]) -> None:
    """Find the first line that was altered, removed, inserted or moved. Status 1 if there is one.

    Without FILES: MCP_AUDIT_FILE. Rotated files are verified with it in one chain, in any order, also .gz.
    """
    server = load_settings().server
    current = Path(server.mcp_audit_file) if server.mcp_audit_file else None
    paths = files or ((current,) if current else ())
    if not paths:
        raise SettingsError("There is no audit file.", "Name the files, or set MCP_AUDIT_FILE.")
    texts = [server.mcp_audit_key.get_secret_value(), *(path.read_text(encoding="utf-8").strip() for path in key_files)]
    in_use = current is not None and current.resolve() in {path.resolve() for path in paths}
    # The head is read before the lines: a running server may add lines meanwhile.
    head = read_head(head_of(current, server.state_directory)) if current and in_use else None
    report = verify(paths, [ChainKey(text.encode()) for text in texts if text], head)
    for note in report.notes:
        click.echo(f"note: {note}")
    if report.fault is not None:
        raise AuditError(
            str(report.fault), "Lines before it are as they were written; nothing is known of those after."
        )
    older = f"; {report.older} lines before the chain begins were passed by" if report.older else ""
    if not report.last:
        raise AuditError(f"No line is of a chain{older}", "Lines are chained from the first start of this version on.")
    sealed = "with the key" if any(texts) else "without a key: this shows accidents, not intent"
    click.echo(f"Lines {report.first} to {report.last} of the chain are as they were written ({sealed}){older}.")
