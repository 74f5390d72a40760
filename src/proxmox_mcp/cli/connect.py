"""``proxmox-mcp connect`` and ``disconnect``: this server in the configuration file of an MCP client."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from proxmox_mcp.cli.asking import Asker
from proxmox_mcp.client_configurations import SERVER
from proxmox_mcp.clients import (
    CLIENTS,
    PASSWORD,
    TOKEN,
    Entry,
    file_text,
    local_entry,
    names_a_secret_file,
    remote_entry,
    settings_over_stdio,
    with_entry,
    without_entry,
    write,
    written,
)
from proxmox_mcp.errors import CallError, SettingsError
from proxmox_mcp.installation import start_command
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from proxmox_mcp.clients import FileChange, KnownClient, System
    from proxmox_mcp.settings_file import SettingsFile

_URL = re.compile(r"https?://[^/\s?#@]+(?:/[^\s?#]*)?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")
_CLIENT = click.argument("client", type=click.Choice(list(CLIENTS)), required=False)
_NAME_OPTION = click.option("--name", default=SERVER, show_default=True, help="Name of the server in the client.")
_FILE = click.option(
    "--file", "path", type=click.Path(dir_okay=False, path_type=Path), help="The file, if it is not the usual one."
)
_YES = click.option("--yes", is_flag=True, help="Write without a question.")


class _Wanted(Struct, frozen=True):
    """What the options of ``connect`` say of the token."""

    none: bool
    in_file: bool
    from_stdin: bool


@click.command()
@_CLIENT
@click.option("--url", default="", help="Of a server that runs: https://name or https://name/mcp. Else over stdio.")
@click.option("--no-token", is_flag=True, help="With --url: the server asks for no token.")
@click.option("--token-in-file", is_flag=True, help="Put the secret itself into the file, which becomes private.")
@click.option("--token-stdin", is_flag=True, help="With --url: read the token from standard input.")
@_NAME_OPTION
@_FILE
@click.option("--print", "only_print", is_flag=True, help="Print what to put into the file, and write nothing.")
@_YES
@click.pass_obj
def connect(
    settings: SettingsFile,
    client: str | None,
    url: str,
    no_token: bool,
    token_in_file: bool,
    token_stdin: bool,
    name: str,
    path: Path | None,
    only_print: bool,
    yes: bool,
) -> None:
    """Put this server into the configuration of an MCP client. Without CLIENT: list the clients and their files.

    \b
    proxmox-mcp connect claude-code
    proxmox-mcp connect gemini --url https://proxmox-mcp.example.org

    Shows the difference and asks before it writes; a copy of the old file is kept. Without --url the client starts the
    server itself, with the settings of this command. The token for --url comes from MCP_AUTH_TOKEN, a file
    (MCP_AUTH_TOKEN_FILE), standard input, or is asked for without being shown.
    """
    if client is None:
        _list()
        return
    known, wanted = CLIENTS[client], _Wanted(no_token, token_in_file, token_stdin)
    if not url and (no_token or token_stdin):
        raise click.UsageError("--no-token and --token-stdin are for --url.")
    entry = _entry(known, url, settings, wanted, shown=only_print)
    if only_print:
        click.echo(file_text(known, _checked(name), entry))
        return
    change = with_entry(path or _file_of(known), known, _checked(name), entry)
    if change.is_empty:
        click.echo(f"{known.name} is connected already: {change.path}")
        return
    _apply(change, agreed=yes)
    for line in _next(known, entry, name):
        click.echo(line)


@click.command()
@_CLIENT
@_NAME_OPTION
@_FILE
@_YES
def disconnect(client: str | None, name: str, path: Path | None, yes: bool) -> None:
    """Remove this server from the configuration of an MCP client. A copy of the old file is kept."""
    if client is None:
        _list()
        return
    known = CLIENTS[client]
    change = without_entry(path or _file_of(known), known, name)
    if change.is_empty or change.before is None:
        click.echo(f"{known.name} has no server named {name}: {change.path}")
        return
    _apply(change, agreed=yes)


def _entry(known: KnownClient, url: str, settings: SettingsFile, wanted: _Wanted, *, shown: bool) -> Entry:
    """The entry; ``shown``: it will be printed, with a placeholder for a secret. Raises ProxmoxMcpError."""
    if url:
        base = _base(url)
        if wanted.none:
            return remote_entry(known, base, None)
        needed = (known.secrets == "file" or wanted.in_file) and not shown
        token = _token(from_stdin=wanted.from_stdin) if needed else f"<the token: {TOKEN}>"
        return remote_entry(known, base, written(known, TOKEN, token, in_file=wanted.in_file))
    found = load_settings()
    if settings.used:
        # No setting and no secret in the client's file: the server reads them from its own.
        words = (*start_command(), "--env-file", str(settings.path.resolve()), "serve", "--stdio")
        return local_entry(known, words, {}, None)
    words, plain = (*start_command(), "serve", "--stdio"), settings_over_stdio(os.environ)
    if names_a_secret_file(plain):
        return local_entry(known, words, plain, None)
    secret = next(iter(found.clusters.values())).proxmox_password.get_secret_value()
    if not (secret and plain.get("PROXMOX_HOST")):
        raise SettingsError("No cluster is set up yet.")
    place = f"<value of {PASSWORD}>" if shown else secret
    return local_entry(known, words, plain, written(known, PASSWORD, place, in_file=wanted.in_file))


def _base(url: str) -> str:
    """The address without the path of a transport. Raises CallError."""
    if not _URL.fullmatch(url):
        raise CallError(f"{url!r} is not an address.", "Write it as https://proxmox-mcp.example.org")
    return url.rstrip("/").removesuffix("/mcp").removesuffix("/sse").rstrip("/")


def _token(*, from_stdin: bool) -> str:
    """The token of the server, never from an argument, which other users of the machine could read."""
    if from_stdin:
        token = sys.stdin.readline().strip()
    else:
        token = load_settings().server.mcp_auth_token.get_secret_value()
        if not token and sys.stdin.isatty():
            token = click.prompt(f"Token of the server ({TOKEN})", hide_input=True, err=True).strip()
    if not token:
        raise SettingsError(
            "The token of the server is missing.",
            f"Set {TOKEN} or {TOKEN}_FILE, or give it with --token-stdin; --no-token if the server asks for none.",
        )
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise SettingsError("The token has characters that no header can hold.", "Check what was pasted.")
    return token


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise CallError(f"{name!r} can't be the name of a server.", "Use up to 41 letters, digits, - and _.")
    return name


def _file_of(known: KnownClient) -> Path:
    return known.file(_system(), Path.home(), os.environ)


def _system() -> System:
    return "windows" if os.name == "nt" else "macos" if sys.platform == "darwin" else "linux"


def _list() -> None:
    width = max(map(len, CLIENTS))
    for key, known in CLIENTS.items():
        path = _file_of(known)
        click.echo(f"{key.ljust(width)}  {path}{'' if path.exists() else '  (not there yet)'}")


def _apply(change: FileChange, *, agreed: bool) -> None:
    """Show a change, write it on a yes, and name the copy. Raises CallError, and Abort on a no."""
    asker = Asker(agrees=agreed)
    asker.tell(f"{change.path}{'' if change.before is not None else ' (new)'}")
    asker.show_difference(change.difference.splitlines())
    if not agreed:
        asker.must_agree("Write this?", "--yes")
    copy = write(change)
    click.echo(f"Written: {change.path}")
    if copy is not None:
        click.echo(f"The file as it was: {copy}")


def _next(known: KnownClient, entry: Entry, name: str) -> list[str]:
    """What is left to do in the client."""
    lines = [
        f"Set {variable} in the environment that {known.name} starts in; its file only names the variable."
        for variable in entry.variables
    ]
    lines += [f"{known.name} asks for the secret once." for _ in entry.inputs[:1]]
    if known.shows_it:
        return [*lines, f"Look: {known.shows_it} (the server is named {name})"]
    return [*lines, f"Restart {known.name}."]
