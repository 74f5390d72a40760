"""``proxmox-mcp check``: checks a call against the schema, without a cluster."""

# Tested through tests/cli/test_schema_commands.py.

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Any

import click

from proxmox_mcp.cli.arguments import APIDOC, BATCH, JSON, load_schema, parse_parameters, read_batch, write_json_line
from proxmox_mcp.errors import CallError

if TYPE_CHECKING:
    from proxmox_mcp.apidoc import Check, EndpointIndex

_NO_CALL = {"ok": False, "errors": {"path": "the line is not a JSON object with method, path and params"}}


@click.command()
@click.argument("method", required=False)
@click.argument("path", required=False)
@click.argument("params", nargs=-1, metavar="[KEY=VALUE]...")
@APIDOC
@JSON
@BATCH
def check(
    method: str | None,
    path: str | None,
    params: tuple[str, ...],
    source: str | None,
    as_json: bool,
    batch: IO[str] | None,
) -> None:
    """Check a call against the schema; nothing is sent. Exit status 1 if Proxmox would refuse the call.

    In a batch each line is {"method", "path", "params"}, each line of output {"ok", "errors": {parameter: message}}.
    """
    index, origin = load_schema(source)
    if batch is not None:
        for line in read_batch(batch):
            write_json_line(_as_json(_check_line(index, line)) if line is not None else _NO_CALL)
        return
    if not method or not path:
        raise CallError(
            "Method or path is missing.", "Example: proxmox-mcp check PUT /nodes/pve1/qemu/100/config cores=4"
        )
    result = index.check(method.upper(), path, parse_parameters(params))
    if as_json:
        write_json_line(_as_json(result))
    else:
        _print_result(result)
        click.echo(f"Checked against Proxmox VE {index.version or '(unknown version)'}, {origin}.", err=True)
    sys.exit(0 if result.ok else 1)


def _check_line(index: EndpointIndex, line: dict[str, Any]) -> Check:
    params = line.get("params")
    method, path = line.get("method"), line.get("path")
    return index.check(
        method if isinstance(method, str) else "",
        path if isinstance(path, str) else "",
        params if isinstance(params, dict) else {},
    )


def _as_json(result: Check) -> dict[str, Any]:
    errors: dict[str, str] = {}
    for problem in result.problems:
        hint = problem.hint
        errors.setdefault(problem.parameter, f"{problem.message}. {hint}" if hint else problem.message)
    return {"ok": result.ok, "errors": errors}


def _print_result(result: Check) -> None:
    """Print the wire data of a correct call, or every error with its correction."""
    # 0.05 s of CPU to import, which --json and --batch don't need.
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    if result.ok:
        name = result.endpoint.path if result.endpoint else result.path
        console.print(Text.assemble(("ok ", "bold green"), name))
        for key, value in result.data.items():
            console.print(Text(f"  {key} = {value}", style="dim"))
        return
    for problem in result.problems:
        console.print(Text.assemble((problem.parameter, "bold red"), f": {problem.message}"))
        if problem.hint:
            console.print(Text(f"  {problem.hint}", style="dim"))
