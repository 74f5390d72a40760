"""``proxmox-mcp console``: serves the console for servers that clients start, and lets people sign in."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from proxmox_mcp.assembly import store_of
from proxmox_mcp.cli import startup
from proxmox_mcp.cli.doctor_report import doctor_report
from proxmox_mcp.cli.operator import user
from proxmox_mcp.cli.suggesting_group import SuggestingGroup
from proxmox_mcp.errors import CallError, SettingsError
from proxmox_mcp.policy.callers import NAME_IS, is_name
from proxmox_mcp.render.units import number_of
from proxmox_mcp.settings import load_settings, read_settings
from proxmox_mcp.web import LINK_SECONDS, Person, Role, Sessions, console_address, entry

if TYPE_CHECKING:
    from proxmox_mcp.settings import ServerSettings

_ROLE = click.Choice([str(role) for role in Role])


@click.group(cls=SuggestingGroup, invoke_without_command=True)
@click.option("--port", type=click.IntRange(1, 65535), help="Port to serve on, instead of MCP_CONSOLE_PORT (or 8010).")
@click.pass_context
def console(context: click.Context, port: int | None) -> None:
    """Serve the console on loopback, for servers over stdio.

    It shows the state of all servers with the same MCP_STATE_DIR or MCP_DATABASE_URL, and prints a link to sign in.
    `proxmox-mcp serve` serves the console itself.
    """
    if context.invoked_subcommand is not None:
        return
    from proxmox_mcp.app.console_server import serve_console

    given = {"MCP_HOST": "127.0.0.1", "MCP_CONSOLE_HOST": "", "MCP_ALLOWED_HOSTS": ""}
    if port is not None:
        given["MCP_CONSOLE_PORT"] = str(port)
    environment = {**os.environ, **given}
    settings = read_settings(environment)
    _require_console(settings.server)
    startup.settle()
    serve_console(
        settings,
        lambda address: _print_link(address, Person(_person(), Role.ADMIN), settings.server),
        check=lambda: doctor_report(environment),
    )


@console.command()
@click.option("--as", "name", default="", help="Name of the person, for the record; by default yours.")
@click.option("--role", type=_ROLE, default=str(Role.ADMIN), help="What the person may do.", show_default=True)
def link(name: str, role: str) -> None:
    """Print a link that signs a person in, once, within ten minutes."""
    server = load_settings().server
    _require_console(server)
    _print_link(console_address(server), Person(_checked(name or _person()), Role(role)), server)


@console.command()
@click.argument("name")
@click.option("--role", type=_ROLE, default=str(Role.ADMIN), help="What the person may do.", show_default=True)
def password(name: str, role: str) -> None:
    """Ask for a password, and print its line for MCP_CONSOLE_PASSWORD.

    Without a terminal the password is a line of standard input.
    """
    person = Person(_checked(name), Role(role))
    if sys.stdin.isatty():
        given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        given = sys.stdin.readline().removesuffix("\n")
        if not given:
            raise CallError(
                "There is no terminal to ask at.", "Run it in a terminal, or send it the password as a line."
            )
    click.echo(entry(person, given))


@console.command("sign-out")
@click.option("--as", "name", default="", help="Only the sessions and links of this person.")
def sign_out(name: str) -> None:
    """End all sessions of the console, and void the links that nobody has used."""
    ended = Sessions(store_of(load_settings().server)).end_all(name)
    click.echo(f"{number_of(ended, 'session')} ended.")


def _print_link(address: str, person: Person, server: ServerSettings) -> None:
    token = Sessions(store_of(server)).make_link(person)
    click.echo(f"{address}sign-in#{token}")
    click.echo(f"It signs in {person.name} as {person.role}, once, within {LINK_SECONDS // 60} minutes.", err=True)


def _require_console(server: ServerSettings) -> None:
    """Raises SettingsError where the console is to be served nowhere."""
    if server.mcp_console == "off":
        raise SettingsError("MCP_CONSOLE=off: the console is served nowhere.", "Set MCP_CONSOLE=on, or unset it.")


def _checked(name: str) -> str:
    if not is_name(name):
        raise CallError(f"{name!r} can't be the name of a person.", f"It must be {NAME_IS}.")
    return name


def _person() -> str:
    return user() or "operator"
