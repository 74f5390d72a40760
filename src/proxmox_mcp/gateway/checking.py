"""A concrete path and its parameters, held against the schema: refused, or ready for the guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from proxmox_mcp.apidoc.verdict import Standing, split
from proxmox_mcp.errors import InvalidCallError
from proxmox_mcp.guard.action import Action
from proxmox_mcp.pve.unsupported import reject_unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.apidoc import Check, Endpoint
    from proxmox_mcp.apidoc.model import Problem, Wire
    from proxmox_mcp.apidoc.verdict import Mode
    from proxmox_mcp.gateway.schema import Schema
    from proxmox_mcp.guard.risk import RiskTable

_MOST_FAULTS = 12


@dataclass(frozen=True, slots=True)
class Checked:
    """A call that may be sent as far as the schema goes. ``doubts`` are faults that only the node can judge."""

    action: Action
    endpoint: Endpoint | None
    path: str
    data: Wire
    doubts: tuple[Problem, ...] = ()


def check(
    schema: Schema, mode: Mode, risks: RiskTable, method: str, path: str, data: Mapping[str, object], cluster: str
) -> Checked:
    """Check one call. Raises InvalidCallError with all faults, UnsupportedCallError for what JSON can't carry."""
    result = schema.index.check(method, path, data)
    refusals, doubts = split(result.problems, Standing.of(schema.index.version, schema.node_version), mode)
    if refusals:
        raise InvalidCallError(_told(method, path, result, refusals), "Nothing was sent. Correct this and call again.")
    if result.endpoint is not None:
        reject_unsupported(result.endpoint, result.data)
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
    return Checked(action, result.endpoint, result.path, result.data, tuple(doubts))


def doubtful(problems: Sequence[Problem], schema: Schema) -> str:
    """What is said of faults that did not keep a call from being sent."""
    return "\n".join([f"The schema at hand ({schema}) doesn't know this, but the node may:", *_listed(problems)])


def _told(method: str, path: str, result: Check, problems: Sequence[Problem]) -> str:
    name = f"{method} {result.endpoint.path}" if result.endpoint else f"{method} {path}"
    count = "1 fault" if len(problems) == 1 else f"{len(problems)} faults"
    lines = [f"{name}: {count}."]
    return "\n".join([*lines, *_listed(problems)])


def _listed(problems: Sequence[Problem]) -> list[str]:
    lines = []
    for problem in problems[:_MOST_FAULTS]:
        hint = f" {problem.hint}" if problem.hint else ""
        lines.append(f"- {problem.parameter}: {problem.message}.{hint}")
    if len(problems) > _MOST_FAULTS:
        lines.append(f"- and {len(problems) - _MOST_FAULTS} more")
    return lines
