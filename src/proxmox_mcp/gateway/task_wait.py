"""Tasks that a call started, or that it asked about: followed to their end, and reported in a few lines.

A task that failed gets the advice that its words would get as the answer of the call itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import FailedError, TaskFailedError
from proxmox_mcp.gateway.suggestions import candidates
from proxmox_mcp.gateway.wording import FOR_MODELS, Wording
from proxmox_mcp.policy.call import Call
from proxmox_mcp.proxmox.advice import Asked, advise, started_by
from proxmox_mcp.render.units import short_duration
from proxmox_mcp.untrusted import mark, one_line, quoted, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.request import Client
    from proxmox_mcp.proxmox.tasks import Progress, TaskOutcome

    Words = Callable[[str], str]

WAIT_WITH_PROGRESS, WAIT_WITHOUT = 300.0, 50.0
"""Seconds to follow a task by default: some clients give up a call after 60 seconds without a sign of life."""

_TAIL = 12
_ARCHIVE = re.compile(r"creating (?:vzdump|Proxmox Backup Server) archive '([^']+)'")
_WARNINGS = 10
_LONGEST_LINE = 200
_COUNT = re.compile(r"WARNINGS: [0-9]{1,9}")


def patience(asked: float | None, setting: float, client: Client) -> float:
    """How long to wait for a task, in seconds."""
    if asked is not None:
        return max(0.0, asked)
    return setting or (WAIT_WITH_PROGRESS if client.follows_progress else WAIT_WITHOUT)


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

    async def told(progress: Progress) -> None:
        if progress.fraction is not None:
            shares[progress.upid] = max(progress.fraction, shares.get(progress.upid, 0.0))
        done = sum(shares.values()) / len(upids) if shares else None
        await client.progress(done, one_line(words(progress.line)))

    return await cluster.tasks.wait_all(upids, seconds, told, started=started)


def report(outcomes: Sequence[TaskOutcome], words: Words, wording: Wording = FOR_MODELS, *, advice: str = "") -> str:
    """What became of the tasks. Raises TaskFailedError where one ended with an error, with all that is to be said and
    ``advice`` on what to do about it."""
    text = words("\n".join(_told(outcome, wording) for outcome in outcomes))
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if failed:
        raise TaskFailedError(text, words(f"{advice}\nThe whole log: GET {_log_path(failed[0])}".strip()))
    return text


def _told(outcome: TaskOutcome, wording: Wording) -> str:
    task = outcome.task
    name = f"Task {shown(task.type)}" + (f" of {shown(task.id)}" if task.id else "") + f" on {shown(task.node)}"
    status = outcome.exit_status if _COUNT.fullmatch(outcome.exit_status) else quoted(outcome.exit_status)
    took = f" after {short_duration(outcome.seconds)}" if outcome.seconds is not None else ""
    if outcome.state == "ok":
        return f"{name} ended: OK{took}.{_made(outcome)}\nUPID: {shown(outcome.upid)}"
    if outcome.state == "warnings":
        lines = "\n".join(outcome.warnings[-_WARNINGS:] or outcome.tail[-_TAIL:])
        return f"{name} ended with warnings ({status}){took}.\n{mark(lines, '`log`')}\nUPID: {shown(outcome.upid)}"
    if outcome.state == "failed":
        said_already = (outcome.exit_status, f"TASK ERROR: {outcome.exit_status}")
        lines = "\n".join([line for line in outcome.tail if line not in said_already][-_TAIL:])
        log = f"\n{mark(lines, '`log`')}" if lines else ""
        return f"{name} FAILED{took}: {status}{log}\nUPID: {shown(outcome.upid)}"
    percent = f" at {outcome.fraction:.0%}" if outcome.fraction is not None else ""
    doing = f"\nIts log says: {quoted(outcome.last_line, _LONGEST_LINE)}" if outcome.last_line else ""
    away = f"\nIts node can't be asked now: {outcome.away}" if outcome.away else ""
    return (
        f"{name} has started and still runs{percent}; it goes on by itself. Its end is not known yet.{doing}{away}\n"
        f"{wording.wait.format(path=_status_path(outcome))}\nUPID: {shown(outcome.upid)}"
    )


def _made(outcome: TaskOutcome) -> str:
    """The archives that a backup wrote, as its log names them: what whoever asked for one wants to know."""
    found = list(dict.fromkeys(match[1] for line in outcome.tail if (match := _ARCHIVE.search(line))))
    names = ", ".join(shown(name, _LONGEST_LINE) for name in found[:_TAIL])
    more = f" and {len(found) - _TAIL} more" if len(found) > _TAIL else ""
    return f"\nWritten: {names}{more}" if found else ""


def _status_path(outcome: TaskOutcome) -> str:
    return f"/nodes/{outcome.task.node}/tasks/{outcome.upid}/status"


def _log_path(outcome: TaskOutcome) -> str:
    return f"/nodes/{outcome.task.node}/tasks/{outcome.upid}/log"


_MOST_ADVISED = 5


async def advice_on_tasks(outcomes: Sequence[TaskOutcome], call: Call | None, cluster: Cluster) -> str:
    """What to do about each cause, once; empty where nothing is known. ``call`` started the tasks; None where they were
    only asked about: then the tasks' own types tell it."""
    texts: list[str] = []
    for outcome in [each for each in outcomes if each.state == "failed"][:_MOST_ADVISED]:
        asked, started = _started_by(outcome, call)
        there_is = await candidates(FailedError(outcome.exit_status), started, cluster)
        texts.append(there_is or _advice_on_words(outcome, asked))
    return " ".join(dict.fromkeys(filter(None, texts)))


def _advice_on_words(outcome: TaskOutcome, asked: Asked) -> str:
    """By the words that the task ended with; where they say little ("exit code 1"), by the last of its log."""
    texts = [outcome.exit_status, *reversed([line for line in outcome.tail if "error" in line.lower()])]
    return next(filter(None, (advise(text, asked) for text in texts)), "")


def _started_by(outcome: TaskOutcome, call: Call | None) -> tuple[Asked, Call]:
    if call is not None:
        return Asked(call.method, call.path.encoded, task=True), call
    task = outcome.task
    asked = started_by(task)
    params = {"node": task.node} | ({"vmid": task.id} if task.id.isdecimal() else {})
    return asked, Call(method=asked.method, path=ApiPath.parse(asked.path), path_params=params)
