"""Commands for the operator: the policy, approvals, secrets, tokens, the audit."""

from __future__ import annotations

import getpass
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from proxmox_mcp.cli.commands import SuggestingGroup
from proxmox_mcp.cli.schema import pairs
from proxmox_mcp.errors import CallError, SettingsError
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from proxmox_mcp.confirm.approvals import Approval, Approvals
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.settings import Settings


@click.group(cls=SuggestingGroup)
def policy() -> None:
    """The policy: is its file sound, and which rule decides a call."""


@policy.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def policy_check(file: Path | None) -> None:
    """Read a policy file (MCP_POLICY_FILE by default) and say whether it is sound."""
    from proxmox_mcp.policy.policy_file import load_rules
    from proxmox_mcp.policy.risk import reviewed_risks

    path = file or Path(load_settings().server.mcp_policy_file)
    if not path.name:
        raise SettingsError("There is no policy file.", "Name one, or set MCP_POLICY_FILE.")
    rules = load_rules(path, reviewed_risks().templates)
    click.echo(f"{path}: sound, {len(rules)} rules")
    for rule in rules:
        click.echo(f"  {rule.where}: {rule.verdict}{' by a person' if rule.by_person else ''}")


@policy.command("explain")
@click.argument("method")
@click.argument("path")
@click.argument("params", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--caller", "name", default="", help="As this caller of MCP_CALLERS_FILE.")
@click.option("--cluster", default="", help="Which cluster, where several are configured.")
def policy_explain(method: str, path: str, params: tuple[str, ...], name: str, cluster: str) -> None:
    """Say which rule decides a call, and why. Guests' pools and tags are looked up where rules ask for them."""
    from proxmox_mcp.assembly import gateway_of
    from proxmox_mcp.gateway.explain import explain
    from proxmox_mcp.policy.caller import LOCAL

    settings = load_settings()
    caller = _caller(settings, name) if name else LOCAL
    click.echo(anyio.run(explain, gateway_of(settings), caller, method, path, pairs(params), cluster))


def _caller(settings: Settings, name: str) -> Caller:
    """A caller as the server knows it. Raises CallError where there is none of that name."""
    from proxmox_mcp.assembly import callers_of
    from proxmox_mcp.policy.callers import CallersSource

    source = callers_of(settings.server, tuple(settings.clusters))
    callers = source.callers if isinstance(source, CallersSource) else source
    known = {each.name: each for each in callers or ()}
    if name not in known:
        raise CallError(f"There is no caller {name}.", f"There are: {', '.join(known) or 'none'} (MCP_CALLERS_FILE).")
    return known[name]


def _approvals() -> Approvals:
    from proxmox_mcp.confirm.approvals import Approvals

    return Approvals(load_settings().server.state_directory / "approvals.sqlite")


def _operator() -> str:
    """Who decides, as the system names them: the user of a container has a number and often no name."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # KeyError until Python 3.12, OSError from 3.13 on
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _told(approval: Approval) -> str:
    age = int(time.time() - approval.created)
    head = f"#{approval.number} {approval.state}, asked {age // 60} min ago by {approval.caller}"
    return f"{head}\n{approval.statement}"


@click.command()
def approvals() -> None:
    """List the calls that wait for an approval (MCP_CONFIRM=operator)."""
    waiting = _approvals().pending()
    click.echo("\n\n".join(map(_told, waiting)) if waiting else "Nothing waits for an approval.")


@click.command()
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Don't ask again.")
def approve(number: int, yes: bool) -> None:
    """Approve a call that waits; it can then be made once, within ten minutes."""
    queue = _approvals()
    click.echo(_told(queue.get(number)))
    if yes or click.confirm("Approve this?", default=False):
        queue.decide(number, approve=True, by=_operator())
        click.echo("Approved.")


@click.command()
@click.argument("number", type=int)
def deny(number: int) -> None:
    """Deny a call that waits."""
    _approvals().decide(number, approve=False, by=_operator())
    click.echo("Denied.")


@click.command()
@click.argument("number", type=int)
def secret(number: int) -> None:
    """Show a secret that a call gave (a new token's), once."""
    from proxmox_mcp.record.one_time_secrets import Vault

    found = Vault(load_settings().server.state_directory / "secrets.sqlite").take(number)
    made = datetime.fromtimestamp(found.created, UTC).isoformat(timespec="seconds")
    click.echo(f"{found.name} of {found.call}, asked for by {found.caller} at {made}:", err=True)
    click.echo(found.value)


@click.group(cls=SuggestingGroup)
def token() -> None:
    """Tokens for those who call this server."""


@token.command("new")
@click.argument("name", default="")
def token_new(name: str) -> None:
    """Make a token: for MCP_AUTH_TOKEN, or with a NAME an entry for MCP_CALLERS_FILE."""
    from proxmox_mcp.policy.callers import NAME_IS, is_name, new_token

    made, digest = new_token()
    if name and not is_name(name):
        raise CallError(f"{name!r} can't be the name of a caller.", f"It must be {NAME_IS}.")
    if not name:
        click.echo(f"MCP_AUTH_TOKEN={made}")
        return
    click.echo(f"The token, shown this once: {made}", err=True)
    click.echo(f'[[caller]]\nname = "{name}"\ntoken_sha256 = "{digest}"\nmode = "guarded"')


def _moment(_: click.Context, __: click.Parameter, text: str) -> str:
    """A time as the audit writes it; one without a zone is UTC, as there."""
    from proxmox_mcp.record.audit import written

    if not text:
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time such as 2026-11-22T05:00 or 2026-11-22.") from None
    return written(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


@click.command()
@click.option("--file", "path", type=click.Path(path_type=Path), help="The audit file; unset: MCP_AUDIT_FILE.")
@click.option("--since", default="", callback=_moment, help="From this time on (UTC), such as 2026-11-22T05:00.")
@click.option("--until", default="", callback=_moment, help="Up to this time.")
@click.option("--caller", default="", help="Of this caller.")
@click.option("--guest", default="", help="On this guest (number).")
@click.option("--result", default="", help="With this result: ok, unconfirmed, guard.denied, pve.failed, ...")
@click.option("--json", "as_json", is_flag=True, help="The lines as they are.")
def audit(path: Path | None, as_json: bool, **wanted: str) -> None:
    """List and filter the audit."""
    from proxmox_mcp.record.audit import read

    path = path or Path(load_settings().server.mcp_audit_file)
    if not path.name:
        raise SettingsError("There is no audit file.", "Name one with --file, or set MCP_AUDIT_FILE.")
    for record in read(path, **{name: value for name, value in wanted.items() if value}):
        if as_json:
            click.echo(json.dumps(record))
        elif record["event"] == "outcome":
            click.echo(
                f"{record['time']} {record['caller']:<10} {record.get('result', ''):<16} "
                f"{record['method']:<6} {record['path']} {record.get('upid', '')}".rstrip()
            )
