"""A concrete path and its parameters, held against the schema: refused, or ready for the guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from proxmox_mcp.apidoc.validation.authority import Standing, split
from proxmox_mcp.errors import InvalidCallError
from proxmox_mcp.gateway.command_lines import whole_command_line
from proxmox_mcp.gateway.unsupported import reject_unsupported
from proxmox_mcp.policy.targets import Action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.apidoc.model import Problem, Wire
    from proxmox_mcp.apidoc.validation.authority import Mode
    from proxmox_mcp.gateway.schema_source import Schema
    from proxmox_mcp.policy.risk import RiskTable

_MOST_FAULTS = 12


@dataclass(frozen=True, slots=True)
class Checked:
    """A call held against ``schema``. ``refusals`` are the faults for which it is not sent, ``doubts`` those that only
    the node can judge."""

    schema: Schema
    action: Action
    endpoint: Endpoint | None
    path: str
    data: Wire
    refusals: tuple[Problem, ...] = ()
    doubts: tuple[Problem, ...] = ()


def check(
    schema: Schema, mode: Mode, risks: RiskTable, method: str, path: str, data: Mapping[str, object], cluster: str
) -> Checked:
    """Check one call: what it is and what is wrong with it. Whether it may be sent is for ``must_be_sendable``."""
    result = schema.index.check(method, path, data)
    refusals, doubts = split(result.problems, Standing.of(schema.index.version, schema.node_version), mode)
    if result.endpoint is not None and (fault := whole_command_line(result.endpoint, data)):
        refusals = [*refusals, fault]
    template = result.endpoint.path if result.endpoint else ""
    decoded = unquote(result.path)
    action = Action(
        method=method,
        template=template,
        path=decoded,
        path_params=result.path_params,
        data=result.data,
        judgement=risks.judge(method, template or decoded, result.data),
        cluster=cluster,
    )
    return Checked(schema, action, result.endpoint, result.path, result.data, tuple(refusals), tuple(doubts))


def must_be_sendable(checked: Checked) -> None:
    """Raises InvalidCallError with all faults, UnsupportedCallError for what JSON can't carry."""
    if checked.refusals:
        raise InvalidCallError(_told(checked), "Nothing was sent. Correct this and call again.")
    if checked.endpoint is not None:
        reject_unsupported(checked.endpoint, checked.data)


def doubtful(checked: Checked) -> str:
    """What is said of faults that did not keep a call from being sent; empty where there are none."""
    if not checked.doubts:
        return ""
    said = f"The schema at hand ({checked.schema}) doesn't know this, but the node may:"
    return "\n".join([said, *_listed(checked.doubts)])


def _told(checked: Checked) -> str:
    count = "1 fault" if len(checked.refusals) == 1 else f"{len(checked.refusals)} faults"
    name = f"{checked.action.method} {checked.action.template or checked.action.path}"
    return "\n".join([f"{name}: {count}.", *_listed(checked.refusals)])


def _listed(problems: Sequence[Problem]) -> list[str]:
    lines = []
    for problem in problems[:_MOST_FAULTS]:
        hint = f" {problem.hint}" if problem.hint else ""
        lines.append(f"- {problem.parameter}: {problem.message}.{hint}")
    if len(problems) > _MOST_FAULTS:
        lines.append(f"- and {len(problems) - _MOST_FAULTS} more")
    return lines
