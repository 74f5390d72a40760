"""``proxmox-mcp setup``: from the name of a node to a tested, private file of settings."""

# Tested through tests/e2e/test_setup.py.

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxmox_mcp import settings_file
from proxmox_mcp.cli.asking import Asker
from proxmox_mcp.cli.setup_flow import KEEP, USED_PROFILES, WAYS, SetupFlow, who_reaches_it
from proxmox_mcp.errors import CallError, SettingsError
from proxmox_mcp.private_files import make_private_directory, replace_file
from proxmox_mcp.setup import Use, difference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.settings_file import SettingsFile


@click.command()
@click.option("--host", help="A node, host[:port]; several of one cluster with commas.")
@click.option("--fingerprint", help="Pin this certificate; if the node shows another, the set-up ends.")
@click.option("--accept-certificate", is_flag=True, help="Pin the certificate that the node shows, without a question.")
@click.option("--sign-in", type=click.Choice([*WAYS, KEEP]), help="How to come to a token; keep: the one of the file.")
@click.option("--profile", type=click.Choice(list(USED_PROFILES)), help="What the token may do.")
@click.option("--admin", help="With --sign-in login: the administrator, such as root@pam.")
@click.option("--user", help="User of the token, such as mcp@pve.")
@click.option("--token-id", help="Name of the token, such as mcp.")
@click.option("--for", "use", type=click.Choice([str(use) for use in Use]), help="Who reaches the server.")
@click.option("--name", "names", multiple=True, help="Host name that clients use; repeat it for several.")
@click.option("--caller", "callers", multiple=True, help="Make a token of its own for this caller; repeat it.")
@click.option("--console-password", is_flag=True, help="Set a password for the console.")
@click.option("--no-test", is_flag=True, help="Write the file without a test.")
@click.option("--yes", is_flag=True, help="Take the usual answers, and write without a question.")
@click.pass_obj
def setup(
    file: SettingsFile,
    host: str | None,
    fingerprint: str | None,
    accept_certificate: bool,
    sign_in: str | None,
    profile: str | None,
    admin: str | None,
    user: str | None,
    token_id: str | None,
    use: str | None,
    names: tuple[str, ...],
    callers: tuple[str, ...],
    console_password: bool,
    no_test: bool,
    yes: bool,
) -> None:
    """Set up your own cluster: asks, tests, and writes a private file of settings.

    \b
    proxmox-mcp setup
    proxmox-mcp setup --host pve1 --accept-certificate --sign-in login --profile read-only --yes

    Run it again to change something; what you don't change is kept. Secrets are not shown and not taken from options:
    the administrator's password comes from SETUP_ADMIN_PASSWORD, the code of the second factor from SETUP_CODE, the
    secret of a token that exists from PROXMOX_PASSWORD, the console's password from SETUP_CONSOLE_PASSWORD (each also
    from the file that NAME_FILE names), or they are asked for.
    """
    asker = Asker(agrees=yes)
    chosen = who_reaches_it(asker, use, _settings_in(file.path))
    path = Path(".env") if chosen is Use.COMPOSE and not file.named else file.path
    flow = SetupFlow(asker, chosen, _settings_in(path), path)
    flow.reach(host, fingerprint, accept=accept_certificate)
    flow.sign_in(sign_in, profile, admin, user, token_id)
    if not no_test:
        flow.test()
    flow.serve(names, callers)
    flow.console(password=console_password)
    _write(asker, path, flow, agreed=yes)
    is_default = path == file.path and not file.named
    _say_next(asker, "proxmox-mcp" if is_default else f"proxmox-mcp --env-file {path}", path, flow)
    if is_default and any(name.startswith("PROXMOX_") for name in os.environ):
        asker.tell("This shell sets PROXMOX_ variables. The file counts where they are not set: unset them.")


def _settings_in(path: Path) -> Mapping[str, str]:
    return settings_file.read(path) if path.is_file() else {}


def _write(asker: Asker, path: Path, flow: SetupFlow, *, agreed: bool) -> None:
    """Show what changes, and write it: the files beside the settings first. Raises SettingsError, CallError."""
    lines = difference(_settings_in(path), flow.values)
    text = settings_file.updated(path, flow.values)
    if not lines and not flow.files and path.is_file() and settings_file.is_private(path):
        asker.tell("", f"{path} is as it should be: nothing to write.")
        return
    asker.tell("", f"{path}{'' if path.is_file() else ' (new)'}")
    asker.show_difference(lines)
    asker.tell(*(f"{each}{'' if each.exists() else ' (new)'}" for each in flow.files))
    if not agreed:
        try:
            asker.must_agree("Write this?", "--yes")
        except (click.Abort, CallError):
            if flow.has_made_token:
                asker.tell(f"The token that was made stays on the cluster: {flow.values['PROXMOX_TOKEN_ID']}.")
            raise
    for each, content in flow.files.items():
        try:
            make_private_directory(each.parent)
            replace_file(each, content.encode(), 0o600)
        except OSError as error:
            raise SettingsError(f"{each} can't be written: {error.strerror}.", "Check its directory.") from None
    settings_file.write(path, text)
    click.echo(f"Written: {path}; only you can read it.")


def _say_next(asker: Asker, ours: str, path: Path, flow: SetupFlow) -> None:
    """The next commands, for the use that was chosen."""
    if flow.use is Use.COMPOSE:
        lines = ["docker compose up -d"]
    elif flow.use is Use.NETWORK:
        name = flow.settings.get("MCP_ALLOWED_HOSTS", "").partition(",")[0]
        lines = [f"{ours} serve", f"proxmox-mcp doctor --url https://{name}/mcp    # behind its reverse proxy"]
    else:
        lines = [f"{ours} guests", f"{ours} connect claude-code    # or gemini, vscode, cursor, claude-desktop"]
    asker.tell("", "Next:", *(f"  {line}" for line in lines))
    if flow.use is not Use.LOCAL:
        tokens = [str(each) for each in flow.files if each.name.startswith("token-")]
        place = ", ".join(tokens) or f"{path}, as MCP_AUTH_TOKEN"
        asker.tell(f"  Clients send a token, which is in {place}.")
    asker.tell(f"  People approve and look in the console: {ours} console --help")
