"""A dry run: what would be sent, how it is judged and decided, and what it would do; nothing is sent."""

# Tested through tests/gateway/test_gateway.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.validation.encode import needs_json
from proxmox_mcp.policy.call import Call, Received

if TYPE_CHECKING:
    from proxmox_mcp.gateway.enforcement import Guard
    from proxmox_mcp.gateway.live_state import LiveState


async def dry_run(call: Call, guard: Guard, live: LiveState) -> Call:
    """The call with its rehearsal in words, and as data."""
    assert call.decision is not None  # noqa: S101 - decided before
    decision, sent = call.decision, dict(call.data)
    shown = guard.redactor.data(sent, call.template)
    lines = [f"Dry run, nothing was sent. Would send: {call.method} {call.path.encoded}"]
    if needs_json(sent):
        lines[0] += " with a JSON body, since a form can't carry one of the lists"
    lines += [f"  {name} = {value}" for name, value in shown.items()]
    lines += [f"Effect: {cause}." for cause in call.judgement.causes]
    by = " by a person" if decision.person_only else ""
    lines.append(f"Policy: {decision.verdict}{by} ({decision.reason}).")
    if call.endpoint is not None:
        params = {**call.path_params, **sent}
        rights = await live.cluster.permissions.rights_for(call.endpoint, params)
        if rights is not None:
            lines += rights.expected(call.endpoint, params)
    lines += filter(None, [_undo(call), call.caution])
    if decision.verdict == "confirm":
        lines.append((await live.statement(guard.redactor)).text)
    data = {
        "method": call.method,
        "path": call.path.encoded,
        "data": shown,
        "effects": list(call.judgement.names),
        "decision": str(decision.verdict),
    }
    return call.answered(Received(data=data, told="\n".join(lines)))


def _undo(call: Call) -> str:
    return f"It {call.undo}." if call.undo else ""
