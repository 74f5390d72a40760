"""A group of commands that suggests the nearest command for an unknown one."""

# Tested through tests/cli/test_commands.py.

from __future__ import annotations

import click

from proxmox_mcp.suggest import similar

_METHODS = ("GET", "POST", "PUT", "DELETE")
SYNONYMS = {
    "config": "setup",
    "configure": "setup",
    "containers": "guests",
    "ct": "guests",
    "diagnose": "doctor",
    "explain": "policy explain",
    "fetch": "index",
    "find": "search",
    "hosts": "nodes",
    "init": "setup",
    "install": "setup",
    "jobs": "tasks",
    "log": "audit",
    "login": "setup",
    "logs": "audit",
    "lxc": "guests",
    "ps": "guests",
    "qemu": "guests",
    "reject": "deny",
    "request": "call",
    "run": "serve",
    "schema": "search",
    "server": "serve",
    "start": "serve",
    "status": "doctor",
    "stdio": "serve --stdio",
    "test": "doctor",
    "tour": "demo",
    "validate": "check",
    "verify": "check",
    "version": "--version",
    "vms": "guests",
    "wizard": "setup",
}
"""Names that other programs have for these commands."""


class SuggestingGroup(click.Group):
    """A click group whose error for an unknown command names the nearest ones."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            raise click.UsageError(f"No such command: {name}. {self._suggestion(ctx, name)}", ctx)
        return super().resolve_command(ctx, args)

    def _suggestion(self, ctx: click.Context, name: str) -> str:
        known = self.list_commands(ctx)
        if ctx.parent is None and name.upper() in _METHODS:
            return f"Did you mean: {ctx.command_path} call {name.upper()} ...?"
        near = similar(name, known)
        if not near and ctx.parent is None and (other := SYNONYMS.get(name.lower())):
            near = [other]
        if near:
            return f"Did you mean: {' or '.join(f'{ctx.command_path} {each}' for each in near)}?"
        return f"Commands: {', '.join(known)}."
