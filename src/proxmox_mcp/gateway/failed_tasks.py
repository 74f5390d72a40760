"""What to do about a task that failed: the same that its words would get as the answer of the call itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.errors import FailedError
from proxmox_mcp.gateway.suggestions import candidates
from proxmox_mcp.policy.risk import Judgement, Risk
from proxmox_mcp.policy.targets import Action
from proxmox_mcp.proxmox.advice import Call, advise, started_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.gateway.checking import Checked
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.proxmox.tasks import TaskOutcome

_MOST = 5
_LOOKED_AT = Judgement(Risk.READ, "a task that is looked at")


async def advice_on_tasks(outcomes: Sequence[TaskOutcome], checked: Checked | None, cluster: Cluster) -> str:
    """What to do about each cause, once; empty where nothing is known. ``checked`` is the call that started the tasks,
    None where they were only asked about: then the tasks' own types tell it."""
    texts: list[str] = []
    for outcome in [each for each in outcomes if each.state == "failed"][:_MOST]:
        call, action = _started_by(outcome, checked)
        there_is = await candidates(FailedError(outcome.exit_status), action, cluster)
        texts.append(there_is or _of_words(outcome, call))
    return " ".join(dict.fromkeys(filter(None, texts)))


def _of_words(outcome: TaskOutcome, call: Call) -> str:
    """By the words that the task ended with; where they say little ("exit code 1"), by the last of its log."""
    texts = [outcome.exit_status, *reversed([line for line in outcome.tail if "error" in line.lower()])]
    return next(filter(None, (advise(text, call) for text in texts)), "")


def _started_by(outcome: TaskOutcome, checked: Checked | None) -> tuple[Call, Action]:
    if checked is not None:
        return Call(checked.action.method, checked.path, task=True), checked.action
    task = outcome.task
    call = started_by(task)
    params = {"node": task.node} | ({"vmid": task.id} if task.id.isdecimal() else {})
    return call, Action(method=call.method, template="", path=call.path, path_params=params, judgement=_LOOKED_AT)
