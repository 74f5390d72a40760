"""The command line. Each command has a module, which is imported when the command is called.

Importing all of them takes 0.6 s of CPU time, click alone 0.05 s. The module of a command imports at its top what the
command always needs, and inside a function what only some of its options need.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import logging
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click

from proxmox_mcp import __version__, settings_file
from proxmox_mcp.cli import startup
from proxmox_mcp.cli.suggesting_group import SuggestingGroup
from proxmox_mcp.errors import ProxmoxMcpError, SettingsError

__all__ = ["main", "startup"]


class _Command(NamedTuple):
    """Where a command is, and the first sentence of its help: listed without importing the command."""

    module: str
    function: str
    summary: str


_COMMANDS = {
    "serve": _Command("serve", "serve", "Serve MCP: /sse and /mcp on MCP_HOST:MCP_PORT, or --stdio."),
    "demo": _Command("demo", "demo", "Start a demo cluster and a server for it, and show a real MCP client at work."),
    "setup": _Command("setup", "setup", "Set up your own cluster: asks, tests, and writes a private file of settings."),
    "doctor": _Command("doctor", "doctor", "Check the set-up step by step, and say what to do next."),
    "connect": _Command("connect", "connect", "Put this server into the configuration of an MCP client."),
    "disconnect": _Command("connect", "disconnect", "Remove this server from the configuration of an MCP client."),
    "search": _Command("search", "search", "Find endpoints for a question, keywords or a path."),
    "check": _Command("check", "check", "Check a call against the schema; nothing is sent."),
    "nodes": _Command("resources", "nodes", "List the nodes: state, load, memory, disk, guests."),
    "guests": _Command("resources", "guests", "List the VMs and containers, or those that match all WORDs."),
    "tasks": _Command("tasks", "tasks", "List the tasks of all nodes, the newest first."),
    "call": _Command("call", "call", "Make one API call, checked and guarded like the tools' calls."),
    "problems": _Command("problems", "problems", "List what is wrong in the cluster, with where to look next."),
    "exec": _Command("exec", "exec_", "Run a command in a VM or container, without SSH."),
    "index": _Command("index", "index", "Fetch an apidoc.js and cache its index."),
    "openapi": _Command("index", "openapi", "Write the schema as an OpenAPI 3.1 document."),
    "policy": _Command("policy", "policy", "Check the policy file, and explain which rule decides a call."),
    "token": _Command("tokens", "token", "Make tokens for callers of this server."),
    "approvals": _Command("approvals", "approvals", "List the calls that wait for an approval, with their statements."),
    "approve": _Command("approvals", "approve", "Approve a waiting call; it can then be made once within ten minutes."),
    "deny": _Command("approvals", "deny", "Deny a waiting call."),
    "notify": _Command("notify", "notify", "Test the channels of notifications (MCP_NOTIFY)."),
    "grant": _Command("grants", "grant", "Allow a caller some effects on some guests for a while."),
    "grants": _Command("grants", "grants", "List the grants in force."),
    "revoke": _Command("grants", "revoke", "End a grant at once."),
    "freeze": _Command("freeze", "freeze", "Refuse all writes, approved ones too; reads go on."),
    "unfreeze": _Command("freeze", "unfreeze", "Allow writes again."),
    "secret": _Command("approvals", "secret", "Show a secret that a call returned (such as a new token), once."),
    "console": _Command("console", "console", "Serve the console on loopback, for servers over stdio."),
    "changes": _Command("changes", "changes", "List what was written, newest first, and whether it can be undone."),
    "undo": _Command("changes", "undo", "Undo a change, or all changes of a plan, by a plan of inverse calls."),
    "audit": _Command("audit", "audit", "List, filter and verify the audit log."),
    "completion": _Command("completion", "completion", "Print the completion script for a shell."),
}  # fmt: skip


_NO_LOG = logging.NullHandler()
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Why output can't be written: no room, or its terminal is gone. click ends quietly at a closed pipe."""
_WITHOUT_SETTINGS = ("completion", "demo", "setup")
"""Commands that don't take the settings of a file. ``setup`` reads it itself: a secret of the environment may be the
new one."""


class _Commands(SuggestingGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        entry = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{entry.module}"), entry.function)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            startup.interrupted()
        except click.Abort as abort:
            if startup.is_interrupt(abort):
                startup.interrupted()
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="proxmox-mcp")
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of settings to use; by default the one that `setup` writes, where no cluster is set.",
)
@click.pass_context
def commands(context: click.Context, env_file: Path | None) -> None:
    """Proxmox VE for language models: a few tools for its whole API, every call checked and guarded.

    \b
    First steps   proxmox-mcp demo, then proxmox-mcp setup
    Completion    proxmox-mcp completion --help
    Upgrade       git pull in the checkout, then install it again as you did before
    Removal       pipx uninstall proxmox-mcp-gateway
                  uv tool uninstall proxmox-mcp-gateway
    """
    find = settings_file.locate if context.invoked_subcommand in _WITHOUT_SETTINGS else settings_file.apply
    context.obj = file = find(os.environ, env_file)
    if file.used and not settings_file.is_private(file.path):
        click.echo(f"Other users of this machine can read {file.path}, which holds secrets. Run chmod 600.", err=True)


def main() -> None:
    """Run the command line. An error of this project is shown as a message. Exit status: 0, 1, 2 for settings,
    or 130 if it was interrupted."""
    startup.open_streams()
    startup.begin()
    # Without a log, Python prints what the store logs to standard error, where the message follows that says it all.
    logging.getLogger("proxmox_mcp.store").addHandler(_NO_LOG)
    try:
        commands(prog_name="proxmox-mcp")
    except SettingsError as error:
        _print_error(error)
        if not (os.environ.get("PROXMOX_HOST") or os.environ.get("MCP_CLUSTERS_FILE")):
            click.echo("To set up a cluster: proxmox-mcp setup", err=True)
        sys.exit(2)
    except ProxmoxMcpError as error:
        _print_error(error)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        _drop_output()
        click.echo(f"The output can't be written: {error.strerror}.", err=True)
        sys.exit(1)


def _drop_output() -> None:
    """What is still to be written would fail again when the interpreter ends, and be told with a traceback."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(error: ProxmoxMcpError) -> None:
    click.echo(f"{click.style('error', fg='red', bold=True)} [{error.code}] {error.message}", err=True)
    if error.advice:
        # Imported here: its patterns are for errors alone, and every start would wait for them.
        from proxmox_mcp.cli.typed import as_typed

        click.echo(as_typed(error.advice), err=True)
    for note in getattr(error, "__notes__", ()):
        click.echo(f"Details: {note}", err=True)
