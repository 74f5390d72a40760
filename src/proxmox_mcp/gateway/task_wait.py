"""Tasks that a call started, or that it asked about: followed to their end, and to what they were for.

A task that failed gets the advice that its words would get as the answer of the call itself. After the task come its
guests: a request to HA is followed until it is fulfilled, a task for many is told guest by guest, and a start, stop or
migration ends with the state of its guest.
"""

# Tested through tests/gateway/test_failed_tasks.py and tests/e2e/test_tasks.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import FailedError
from proxmox_mcp.gateway.bulk_results import guests_after
from proxmox_mcp.gateway.guest_end import NOTHING, Aftermath, guest_after
from proxmox_mcp.gateway.ha_wait import follow_ha, request_of_task
from proxmox_mcp.gateway.request import FOR_MODELS, Wording
from proxmox_mcp.gateway.suggestions import what_there_is
from proxmox_mcp.gateway.task_report import EndedTask, report
from proxmox_mcp.policy.call import Call
from proxmox_mcp.proxmox.advice import FailedCall, advise, started_by
from proxmox_mcp.proxmox.guest_results import ACTIONS
from proxmox_mcp.untrusted import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.request import Client
    from proxmox_mcp.gateway.task_report import Words
    from proxmox_mcp.proxmox.tasks import TaskOutcome, TaskProgress

_MOST_ADVISED = 5
_MOST_FOLLOWED_UP = 20
"""Tasks of one call whose guests are looked at: each takes a request."""


async def follow(
    upids: Sequence[str],
    seconds: float,
    cluster: Cluster,
    client: Client,
    words: Words,
    *,
    started: float | None = None,
) -> list[TaskOutcome]:
    """Follow tasks together, telling the client how far they are. ``words`` takes secrets out of what logs say."""
    shares: dict[str, float] = {}

    async def told(progress: TaskProgress) -> None:
        if progress.fraction is not None:
            shares[progress.upid] = max(progress.fraction, shares.get(progress.upid, 0.0))
        done = sum(shares.values()) / len(upids) if shares else None
        await client.progress(done, one_line(words(progress.line)))

    return await cluster.tasks.wait_all(upids, seconds, told, started=started)


async def outcome_text(
    outcomes: Sequence[TaskOutcome],
    call: Call | None,
    until: float,
    cluster: Cluster,
    client: Client,
    words: Words,
    wording: Wording = FOR_MODELS,
) -> str:
    """How tasks and their guests ended. ``call`` started the tasks, None where they were only asked about;
    ``until`` (monotonic) is the end of the wait.

    Raises TaskFailedError where a task failed, or did not do to every guest what it was for.
    """
    ended = []
    for number, outcome in enumerate(outcomes):
        look = number < _MOST_FOLLOWED_UP
        ended.append(
            EndedTask(outcome, await _after(outcome, call, until, cluster, client)) if look else EndedTask(outcome)
        )
    advice = await advice_on_tasks(outcomes, call, cluster)
    clock = await cluster.time.clock(outcomes[0].task.node)
    return report(ended, words, wording, advice=advice, present=clock.present)


async def _after(outcome: TaskOutcome, call: Call | None, until: float, cluster: Cluster, client: Client) -> Aftermath:
    if outcome.state == "running":
        return NOTHING
    if outcome.state != "failed" and (asked := request_of_task(outcome, call)):
        return await follow_ha(asked, until, cluster, client)
    if outcome.task.type in ACTIONS:
        return await guests_after(outcome, call, cluster)
    return await guest_after(outcome, call, cluster)


async def advice_on_tasks(outcomes: Sequence[TaskOutcome], call: Call | None, cluster: Cluster) -> str:
    """What to do about each cause, once; empty where nothing is known. ``call`` started the tasks; None where they were
    only asked about: then the tasks' own types tell it."""
    texts: list[str] = []
    for outcome in [each for each in outcomes if each.state == "failed"][:_MOST_ADVISED]:
        asked, started = _started_by(outcome, call)
        there_is = await what_there_is(FailedError(outcome.exit_status), started, cluster)
        texts.append(there_is or _advice_on_words(outcome, asked))
    return " ".join(dict.fromkeys(filter(None, texts)))


def _advice_on_words(outcome: TaskOutcome, asked: FailedCall) -> str:
    """By the words that the task ended with; where they say little ("exit code 1"), by those of its log, the last
    first."""
    texts = [outcome.exit_status, *reversed(outcome.errors)]
    return next(filter(None, (advise(text, asked) for text in texts)), "")


def _started_by(outcome: TaskOutcome, call: Call | None) -> tuple[FailedCall, Call]:
    if call is not None:
        return FailedCall(call.method, call.path.encoded, task=True), call
    task = outcome.task
    asked = started_by(task)
    params = {"node": task.node} | ({"vmid": task.id} if task.id.isdecimal() else {})
    return asked, Call(method=asked.method, path=ApiPath.parse(asked.path), path_params=params)
