"""``proxmox-mcp doctor``: checks a set-up step by step, and says what is wrong and how to fix it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from proxmox_mcp.client_configurations import configurations
from proxmox_mcp.doctor import client_view
from proxmox_mcp.doctor.checks import SETTINGS, TOTAL_SECONDS, run_checks, secrets_of
from proxmox_mcp.doctor.client_url import ClientUrl
from proxmox_mcp.doctor.report import Printer, SecretMask, write_json
from proxmox_mcp.doctor.stdio_clients import stdio_configurations
from proxmox_mcp.doctor.summary import counted, next_step
from proxmox_mcp.doctor.timing import Deadline
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.settings import SECRETS, known_names, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxmox_mcp.client_configurations import Configuration
    from proxmox_mcp.doctor.steps import CheckStep
    from proxmox_mcp.settings import ServerSettings

__all__ = ["certificate", "cluster_checks", "connectivity", "privilege_profiles", "report", "run", "steps", "timing"]

HEALTHY, FAILING, WRONG_SETTINGS = 0, 1, 2
"""Exit status: no error; a check failed; a setting is wrong, so that the server sends no calls."""


def run(
    environment: Mapping[str, str],
    *,
    url: str = "",
    as_json: bool = False,
    patient: bool = False,
    clients: bool = False,
    out: TextIO,
) -> int:
    """Check the set-up, print the steps and the next thing to do; returns the exit status.

    ``url`` is the address that clients use (``https://name/sse``); if nothing else is set, only that is checked.
    ``patient`` also keeps an idle stream there open for 75 s; all else ends within 30 s. ``clients`` adds the
    configuration of clients. At ``url`` the authorities in NODE_EXTRA_CA_CERTS are trusted, as Gemini CLI and other
    programs on Node.js do. No secret is printed.
    """
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
    found: Iterable[CheckStep]
    if wrong:
        found = (step for fault in wrong for step in SETTINGS.wrong("environment", fault))
    else:
        hold = client_view.HOLD if patient and target else 0.0
        found = run_checks(settings, environment, target, Deadline.after(TOTAL_SECONDS), hold)
    steps: list[CheckStep] = []
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
    """Whether any setting except a client's token is set: on a machine that only has a client, there are none."""
    of_clients = {"MCP_AUTH_TOKEN", "MCP_AUTH_TOKEN_FILE"}
    names = {*known_names(), *(f"{name}_FILE" for name in SECRETS)} - of_clients
    return any(environment.get(name) for name in names)


def _base(server: ServerSettings, target: ClientUrl | None) -> str:
    """The URL of the server for clients: the given one, else a guess from the settings."""
    if target is not None:
        return target.base
    host = server.mcp_allowed_hosts[0] if server.mcp_allowed_hosts else "localhost"
    port = "" if ":" in host.removesuffix("]").rpartition("]")[2] else f":{server.mcp_port}"
    return f"http://{host}{port}{server.mcp_root_path}"


def _status(steps: list[CheckStep]) -> int:
    failed = [step for step in steps if step.status == "fail"]
    if any(step.of_settings for step in failed):
        return WRONG_SETTINGS
    return FAILING if failed else HEALTHY
