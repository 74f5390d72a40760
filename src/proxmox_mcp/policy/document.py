"""The table of risks for the documents: every endpoint of every bundled version, and what each mode does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.policy import mode_verdict
from proxmox_mcp.policy.risk import Risk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxmox_mcp.apidoc.index import EndpointIndex
    from proxmox_mcp.policy.risk import RiskTable

_METHODS = ("GET", "POST", "PUT", "DELETE")
_HEAD = """\
# What each call may do

Generated from `apidoc/risks.toml` and the bundled snapshots; don't edit. `proxmox-mcp policy explain METHOD PATH`
says the same of one call, with your own rules.

A call that is not listed, which may come with a later version of Proxmox, is judged upwards: a GET as `inside`, a
write as `destroy`, below `/access` as `access`. A policy rule that denies or confirms takes such a call for any risk,
one that allows takes it for none.
"""


def render(indexes: Mapping[str, EndpointIndex], risks: RiskTable) -> str:
    """The document as Markdown. ``indexes`` by version, such as ``9.2``."""
    lines = [_HEAD, "## Modes", ""]
    lines += [f"| risk | {' | '.join(Mode)} |", f"|---|{'---|' * len(Mode)}"]
    lines += [f"| {risk} | {' | '.join(_by_mode(mode, risk) for mode in Mode)} |" for risk in Risk]
    lines += [
        "",
        "## Endpoints",
        "",
        "`raised by`: parameters that raise the risk, by their value or by being there.",
        "",
    ]
    lines += [f"| call | versions | risk | why | {' | '.join(Mode)} | raised by |", f"|{'---|' * (5 + len(Mode))}"]
    lines += _rows(indexes, risks)
    return "\n".join(lines) + "\n"


def _by_mode(mode: Mode, risk: Risk) -> str:
    verdict = str(mode_verdict(mode, risk))
    return (
        f"{verdict}, unless a rule names it"
        if mode is Mode.READ_ONLY and risk in (Risk.INSIDE, Risk.OUTREACH)
        else verdict
    )


def _rows(indexes: Mapping[str, EndpointIndex], risks: RiskTable) -> Iterator[str]:
    versions: dict[tuple[str, str], list[str]] = {}
    parameters: dict[tuple[str, str], set[str]] = {}
    for version, index in indexes.items():
        for endpoint in index.endpoints:
            call = (endpoint.path, endpoint.method)
            versions.setdefault(call, []).append(version)
            parameters.setdefault(call, set()).update(endpoint.parameters)
    for path, method in sorted(versions, key=lambda call: (call[0], _METHODS.index(call[1]))):
        base, known = risks.base(method, path), parameters[path, method]
        raises = risks.raises(method, path)
        raised = [f"`{name}` {rule.to.risk}" for name in sorted(raises) if name in known for rule in raises[name]]
        found = versions[path, method]
        shown = "all" if len(found) == len(indexes) else ", ".join(found)
        modes = " | ".join(mode_verdict(mode, base.risk) for mode in Mode)
        yield f"| {method} `{path}` | {shown} | {base.risk} | {base.why} | {modes} | {', '.join(raised)} |"
