"""``proxmox-mcp doctor``: from the environment of the server, step by step, what is wrong and its cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.doctor.steps import Step
    from proxmox_mcp.doctor.target import Target
    from proxmox_mcp.settings import ServerSettings

WELL, FAILING, MISSET = 0, 1, 2
"""The exit status: nothing to cure; something fails; a setting is wrong."""


def run(
    environment: Mapping[str, str], *, url: str = "", as_json: bool = False, patient: bool = False, out: TextIO
) -> int:
    """Examine the set-up and print what was found; the exit status is returned.

    ``url`` is the address that clients use (``https://name/sse``), to be reached as they would; ``patient`` also keeps
    an idle stream there open for 75 s. Everything else is over within 30 s. Authorities in NODE_EXTRA_CA_CERTS are
    trusted there, as Gemini CLI and other programs on Node.js do. No secret is printed.
    """
    from proxmox_mcp.doctor import outside
    from proxmox_mcp.doctor.clients import configurations
    from proxmox_mcp.doctor.examination import SETTINGS, TOTAL_SECONDS, examine, secrets_of
    from proxmox_mcp.doctor.printing import Masks, Printer, write_json
    from proxmox_mcp.doctor.steps import Cure
    from proxmox_mcp.doctor.target import Target
    from proxmox_mcp.doctor.timing import Deadline
    from proxmox_mcp.errors import SettingsError
    from proxmox_mcp.settings import load_settings

    try:
        settings = load_settings(environment)
        target = Target.of(url, environment.get("NODE_EXTRA_CA_CERTS", "")) if url else None
    except SettingsError as error:
        step = SETTINGS.fail("environment", error.message, *([Cure(error.advice)] if error.advice else []))
        if as_json:
            write_json(out, [step], [], Masks())
        else:
            Printer(out).step(step)
        return MISSET
    masks = Masks(secrets_of(settings, environment))
    printer = None if as_json else Printer(out, masks)
    steps: list[Step] = []
    hold = outside.HOLD if patient and target else 0.0
    for step in examine(settings, environment, target, Deadline.after(TOTAL_SECONDS), hold):
        steps.append(step)
        if printer:
            printer.step(step)
    token = bool(settings.server.mcp_auth_token.get_secret_value() or settings.server.mcp_callers_file)
    pasted = configurations(_base(settings.server, target), token=token)
    if printer:
        printer.configurations(pasted, token=token)
        printer.verdict(steps)
    else:
        write_json(out, steps, pasted, masks)
    return _status(steps)


def _base(server: ServerSettings, target: Target | None) -> str:
    """Where clients reach the server: as was said, else as far as the settings tell."""
    if target is not None:
        return target.base
    host = server.mcp_allowed_hosts[0] if server.mcp_allowed_hosts else "localhost"
    port = "" if ":" in host.removesuffix("]").rpartition("]")[2] else f":{server.mcp_port}"
    return f"http://{host}{port}{server.mcp_root_path}"


def _status(steps: list[Step]) -> int:
    failed = [step for step in steps if step.status == "fail"]
    if any(step.name == "settings" for step in failed):
        return MISSET
    return FAILING if failed else WELL
