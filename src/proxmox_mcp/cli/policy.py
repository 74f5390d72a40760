"""``proxmox-mcp policy``: checks the policy file, and explains which rule decides a call."""

# Tested through tests/cli/test_operator_commands.py and tests/cli/test_policy_batch.py.

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import anyio
import click

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.assembly import callers_of, gateway_of
from proxmox_mcp.cli.arguments import APIDOC, BATCH, JSON, load_schema, parse_parameters, read_batch, write_json_line
from proxmox_mcp.cli.cluster_reads import CLUSTER
from proxmox_mcp.cli.suggesting_group import SuggestingGroup
from proxmox_mcp.errors import CallError, ProxmoxMcpError, SettingsError, SettingsFaults
from proxmox_mcp.gateway.explain import Explanation, explain, explain_offline
from proxmox_mcp.policy.caller import LOCAL, Mode
from proxmox_mcp.policy.callers import CallersSource
from proxmox_mcp.policy.policy_file import PolicySource, load_rules
from proxmox_mcp.render.units import number_of
from proxmox_mcp.settings import load_settings, read_settings

if TYPE_CHECKING:
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.settings import Settings

Explain = Callable[[str, str, dict[str, Any]], Explanation]


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
    rules = load_rules(path, bundled_effects().templates)
    click.echo(f"{path}: no errors, {number_of(len(rules), 'rule')}")
    for rule in rules:
        click.echo(f"  {rule.where}: {rule.verdict}{' by a person' if rule.by_person else ''}")
    for rule in rules:
        if rule.outdated:
            click.echo(f"warning: {rule.outdated}", err=True)


@policy.command("explain")
@click.argument("method", required=False)
@click.argument("path", required=False)
@click.argument("params", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--caller", "name", default="", help="As this caller of MCP_CALLERS_FILE.")
@CLUSTER
@click.option("--offline", is_flag=True, help="Ask no cluster: what it would decide counts against the call.")
@APIDOC
@JSON
@BATCH
def explain_call(
    method: str | None,
    path: str | None,
    params: tuple[str, ...],
    name: str,
    cluster: str,
    offline: bool,
    source: str | None,
    as_json: bool,
    batch: IO[str] | None,
) -> None:
    """Say what a call does, and which rule or mode decides it and why.

    Live facts are read from Proxmox if the effects or a rule depend on them; without a configured cluster, with
    --offline or --apidoc they count against the call.

    In a batch each line is {"method", "path", "params"}, each line of output {"effects": [{"effect", "parameter",
    "why"}], "verdict", "by", "rule", "targets"}.
    """
    explained = _offline(source, name) if offline or source or not _has_cluster() else _live(name, cluster)
    if batch is not None:
        for line in read_batch(batch):
            write_json_line(_explain_line(explained, line))
        return
    if not method or not path:
        raise CallError("Method or path is missing.", "Example: proxmox-mcp policy explain DELETE /nodes/pve1/qemu/100")
    found = explained(method, path, parse_parameters(params))
    if as_json:
        write_json_line(found.as_data())
    else:
        click.echo(found.as_text())


def _explain_line(explained: Explain, line: dict[str, Any] | None) -> dict[str, Any]:
    if line is None:
        return {"error": "the line is not a JSON object with method, path and params"}
    method, path, params = line.get("method"), line.get("path"), line.get("params")
    if params is not None and not isinstance(params, dict):
        return {"error": "params is not a JSON object"}
    try:
        found = explained(
            method if isinstance(method, str) else "", path if isinstance(path, str) else "", params or {}
        )
    except ProxmoxMcpError as error:
        return {"error": error.message}
    return found.as_data()


def _has_cluster() -> bool:
    return bool(os.environ.get("PROXMOX_HOST") or os.environ.get("MCP_CLUSTERS_FILE"))


def _live(name: str, cluster: str) -> Explain:
    settings = load_settings()
    caller, gateway = _caller(settings, name), gateway_of(settings)

    def explained(method: str, path: str, data: dict[str, Any]) -> Explanation:
        return anyio.run(explain, gateway, caller, method, path, data, cluster)

    return explained


def _offline(source: str | None, name: str) -> Explain:
    """By the policy and the callers of the settings, as far as there are any; a cluster is not needed for them."""
    settings = read_settings()
    if settings.wrong:
        SettingsFaults(settings.faults).raise_all()
    server, (index, _) = settings.server, load_schema(source)
    reviews = bundled_effects()
    file = Path(server.mcp_policy_file) if server.mcp_policy_file else None
    rules = PolicySource(Mode(server.mcp_mode), file, reviews.templates).policy
    caller = _caller(settings, name)

    def explained(method: str, path: str, data: dict[str, Any]) -> Explanation:
        return explain_offline(index, reviews, rules, caller, method, path, data)

    return explained


def _caller(settings: Settings, name: str) -> Caller:
    """A caller of the callers file, or the one at this terminal. Raises CallError if its name is unknown."""
    if not name:
        return LOCAL
    source = callers_of(settings.server, tuple(settings.clusters))
    callers = source.callers if isinstance(source, CallersSource) else source
    known = {each.name: each for each in callers or ()}
    if name not in known:
        raise CallError(f"Unknown caller {name}.", f"Known callers: {', '.join(known) or 'none'} (MCP_CALLERS_FILE).")
    return known[name]
