"""``proxmox-mcp policy``: checks the policy file, and explains which rule decides a call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from proxmox_mcp.assembly import callers_of, gateway_of
from proxmox_mcp.cli.arguments import parse_parameters
from proxmox_mcp.cli.suggesting_group import SuggestingGroup
from proxmox_mcp.errors import CallError, SettingsError
from proxmox_mcp.gateway.explain import explain
from proxmox_mcp.policy.caller import LOCAL
from proxmox_mcp.policy.callers import CallersSource
from proxmox_mcp.policy.policy_file import load_rules
from proxmox_mcp.policy.risk import reviewed_risks
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.settings import Settings


@click.group(cls=SuggestingGroup)
def policy() -> None:
    """Check the policy file, and explain which rule decides a call."""


@policy.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """Check a policy file (by default MCP_POLICY_FILE) for errors, and list its rules."""
    path = file or Path(load_settings().server.mcp_policy_file)
    if not path.name:
        raise SettingsError("There is no policy file.", "Name one, or set MCP_POLICY_FILE.")
    rules = load_rules(path, reviewed_risks().templates)
    click.echo(f"{path}: no errors, {len(rules)} rules")
    for rule in rules:
        click.echo(f"  {rule.where}: {rule.verdict}{' by a person' if rule.by_person else ''}")


@policy.command("explain")
@click.argument("method")
@click.argument("path")
@click.argument("params", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--caller", "name", default="", help="As this caller of MCP_CALLERS_FILE.")
@click.option("--cluster", default="", help="Which cluster, if several are configured.")
def explain_call(method: str, path: str, params: tuple[str, ...], name: str, cluster: str) -> None:
    """Say which rule decides a call, and why. Pools and tags of guests are read from Proxmox if a rule needs them."""
    settings = load_settings()
    caller = _caller(settings, name) if name else LOCAL
    click.echo(anyio.run(explain, gateway_of(settings), caller, method, path, parse_parameters(params), cluster))


def _caller(settings: Settings, name: str) -> Caller:
    """A caller of the callers file. Raises CallError if its name is unknown."""
    source = callers_of(settings.server, tuple(settings.clusters))
    callers = source.callers if isinstance(source, CallersSource) else source
    known = {each.name: each for each in callers or ()}
    if name not in known:
        raise CallError(f"Unknown caller {name}.", f"Known callers: {', '.join(known) or 'none'} (MCP_CALLERS_FILE).")
    return known[name]
