"""``proxmox-mcp doctor``: from the environment of the server, step by step, what is wrong and its cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxmox_mcp.doctor.client_url import ClientUrl
    from proxmox_mcp.doctor.clients import Configuration
    from proxmox_mcp.doctor.steps import Step
    from proxmox_mcp.settings import ServerSettings

HEALTHY, FAILING, WRONG_SETTINGS = 0, 1, 2
"""The exit status: no error; something fails; a setting is wrong, and with it the server makes no call."""


def run(
    environment: Mapping[str, str],
    *,
    url: str = "",
    as_json: bool = False,
    patient: bool = False,
    clients: bool = False,
    out: TextIO,
) -> int:
    """Examine the set-up and print what was found, ending with the next thing to do; the exit status is returned.

    ``url`` is the address that clients use (``https://name/sse``), to be reached as they would; where nothing else is
    set, that is all that is looked at. ``patient`` also keeps an idle stream there open for 75 s; everything else is
    over within 30 s. ``clients`` adds what to paste into clients. Authorities in NODE_EXTRA_CA_CERTS are trusted at
    ``url``, as Gemini CLI and other programs on Node.js do. No secret is printed.
    """
    from proxmox_mcp.doctor import client_view
    from proxmox_mcp.doctor.checks import SETTINGS, TOTAL_SECONDS, run_checks, secrets_of
    from proxmox_mcp.doctor.client_url import ClientUrl
    from proxmox_mcp.doctor.clients import configurations
    from proxmox_mcp.doctor.report import Printer, SecretMask, write_json
    from proxmox_mcp.doctor.stdio_clients import stdio_configurations
    from proxmox_mcp.doctor.summary import counted, next_step
    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.errors import SettingsError
    from proxmox_mcp.settings import read_settings

    settings = read_settings(environment)
    client_only = bool(url) and not describes_a_server(environment)
    target: ClientUrl | None = None
    wrong = list(settings.faults)
    try:
        target = ClientUrl.of(url, environment.get("NODE_EXTRA_CA_CERTS", ""), client_only=client_only) if url else None
    except SettingsError as error:
        wrong += error.faults
    mask = SecretMask(secrets_of(settings, environment))
    printer = None if as_json else Printer(out, mask)
    found: Iterable[Step]
    if wrong:
        found = (step for fault in wrong for step in SETTINGS.wrong("environment", fault))
    else:
        hold = client_view.HOLD if patient and target else 0.0
        found = run_checks(settings, environment, target, Deadline.after(TOTAL_SECONDS), hold)
    steps: list[Step] = []
    for step in found:
        steps.append(step)
        if printer:
            printer.step(step)
    token = bool(settings.server.mcp_auth_token.get_secret_value() or settings.server.mcp_callers_file)
    pasted: tuple[Configuration, ...] = ()
    if clients and not wrong:
        pasted = configurations(_base(settings.server, target), token=token)
        pasted += () if client_only else stdio_configurations(environment)
    following = next_step(steps, target.base if target else "", clients=bool(pasted))
    if printer:
        printer.configurations(pasted, token=token)
        printer.verdict(counted(steps), following, failed=_status(steps) != HEALTHY)
    else:
        write_json(out, steps, pasted, following, mask)
    return _status(steps)


def describes_a_server(environment: Mapping[str, str]) -> bool:
    """Whether anything but a client's own token is set: on a machine that only has a client, nothing is."""
    from proxmox_mcp.settings import SECRETS, known_names

    of_clients = {"MCP_AUTH_TOKEN", "MCP_AUTH_TOKEN_FILE"}
    names = {*known_names(), *(f"{name}_FILE" for name in SECRETS)} - of_clients
    return any(environment.get(name) for name in names)


def _base(server: ServerSettings, target: ClientUrl | None) -> str:
    """Where clients reach the server: as was said, else as far as the settings tell."""
    if target is not None:
        return target.base
    host = server.mcp_allowed_hosts[0] if server.mcp_allowed_hosts else "localhost"
    port = "" if ":" in host.removesuffix("]").rpartition("]")[2] else f":{server.mcp_port}"
    return f"http://{host}{port}{server.mcp_root_path}"


def _status(steps: list[Step]) -> int:
    failed = [step for step in steps if step.status == "fail"]
    if any(step.of_settings for step in failed):
        return WRONG_SETTINGS
    return FAILING if failed else HEALTHY
