"""How tasks and their guests ended, as text: one task in a few lines, several as a table."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.errors import TaskFailedError
from proxmox_mcp.gateway.guest_end import NOTHING, Aftermath
from proxmox_mcp.proxmox.inventory import in_a_row
from proxmox_mcp.render.units import short_duration
from proxmox_mcp.untrusted import mark, quoted, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxmox_mcp.gateway.request import Wording
    from proxmox_mcp.proxmox.tasks import TaskOutcome

    Words = Callable[[str], str]

_LINES = 12
_LAST_LINES = 4
"""Lines of a log without a word of an error: the last ones, which may say what was being done."""
_LONGEST_LINE = 200
_MOST_ROWS, _MOST_DETAILED, _MOST_ARCHIVES = 50, 5, 12
_COUNT = re.compile(r"WARNINGS: [0-9]{1,9}")


class EndedTask(Struct, frozen=True):
    """How one task and its guests ended."""

    outcome: TaskOutcome
    after: Aftermath = NOTHING

    @property
    def failed(self) -> bool:
        return self.outcome.state == "failed" or self.after.failed


def report(ended: Sequence[EndedTask], words: Words, wording: Wording, *, advice: str = "", present: str = "") -> str:
    """How the tasks ended; ``present`` is the time now, with its zone.

    Raises TaskFailedError where one ended with an error, or did not do to every guest what it was for, with all that is
    to be said and ``advice`` on what to do about it.
    """
    now = [f"(now {present})"] if present else []
    lines = _single(ended[0], wording, now) if len(ended) == 1 else [*_several(ended, wording), *now]
    text = words("\n".join(lines))
    failed = [each for each in ended if each.failed]
    if failed:
        advices = filter(None, (advice, *dict.fromkeys(each.after.advice for each in failed)))
        log = f"The whole log: GET {_path(failed[0].outcome)}/log"
        raise TaskFailedError(text, words("\n".join([*advices, log])))
    return text


def _single(ended: EndedTask, wording: Wording, now: list[str]) -> list[str]:
    outcome, after = ended.outcome, ended.after
    lines = [f"{_name(outcome)} {_end(outcome)}", *_details(ended, wording)]
    if after.text:
        lines.append(after.text)
    return [*lines, *now, f"UPID: {shown(outcome.upid)}"]


def _several(ended: Sequence[EndedTask], wording: Wording) -> list[str]:
    """A line for each task, then what there is to say of those that did not end well."""
    counts = Counter("failed" if each.failed else each.outcome.state for each in ended)
    told = ", ".join(f"{count} {_STATES[state]}" for state, count in sorted(counts.items()))
    lines = [f"{len(ended)} tasks: {told}"]
    lines += [
        f"- {_name(each.outcome, short=True)}: {_end(each.outcome).removeprefix('ended: ')}"
        for each in ended[:_MOST_ROWS]
    ]
    if len(ended) > _MOST_ROWS:
        lines.append(f"- and {len(ended) - _MOST_ROWS} more")
    for each in ended:
        if each.after.text and each.outcome.state != "failed":
            lines.append(each.after.text)
    troubled = [each for each in ended if each.failed or each.outcome.state == "running"]
    for each in troubled[:_MOST_DETAILED]:
        lines += _details(each, wording)
        lines.append(f"UPID: {shown(each.outcome.upid)}")
    return lines


_STATES = {"ok": "OK", "warnings": "with warnings", "failed": "FAILED", "running": "still running"}


def _name(outcome: TaskOutcome, *, short: bool = False) -> str:
    task = outcome.task
    name = shown(task.type) + (f" of {shown(task.id)}" if task.id else "") + f" on {shown(task.node)}"
    return name if short else f"Task {name}"


def _end(outcome: TaskOutcome) -> str:
    status = outcome.exit_status if _COUNT.fullmatch(outcome.exit_status) else quoted(outcome.exit_status)
    took = f" after {short_duration(outcome.seconds)}" if outcome.seconds is not None else ""
    if outcome.state == "ok":
        return f"ended: OK{took}."
    if outcome.state == "warnings":
        return f"ended with warnings ({status}){took}."
    if outcome.state == "failed":
        return f"FAILED{took}: {status}"
    percent = f" at {outcome.fraction:.0%}" if outcome.fraction is not None else ""
    return f"has started and still runs{percent}; its end is not known yet."


def _details(ended: EndedTask, wording: Wording) -> list[str]:
    """What follows the first line: archives, warnings, the lines with errors (unless its guests tell them), or how to
    wait and to stop."""
    outcome = ended.outcome
    if outcome.state == "ok":
        return _archives(outcome)
    if outcome.state == "warnings":
        lines = outcome.warnings[-_LINES:] or outcome.tail[-_LAST_LINES:]
        return [*_archives(outcome), mark("\n".join(lines), "`log`")]
    if outcome.state == "failed":
        lines = () if ended.after.failed else _error_lines(outcome)
        return [mark("\n".join(lines), "`log`")] if lines else []
    told = [f"Its log says: {quoted(outcome.last_line, _LONGEST_LINE)}"] if outcome.last_line else []
    told += [f"Its node can't be asked now: {outcome.away}"] if outcome.away else []
    path = _path(outcome)
    return [*told, wording.wait.format(path=path), wording.stop.format(path=path)]


def _error_lines(outcome: TaskOutcome) -> tuple[str, ...]:
    """The lines of the log that tell what went wrong, without those that only say again how the task ended."""
    said = outcome.exit_status
    again = (said, f"TASK ERROR: {said}", f"syslog[err] {said}")
    errors = [line for line in outcome.errors if line.strip() not in again]
    if outcome.errors_left_out:
        errors.insert(len(errors) - len(errors) // 2, f"... {outcome.errors_left_out} more lines with errors ...")
    if errors:
        return tuple(errors[: _LINES + 1])
    return tuple([line for line in outcome.tail if line.strip() and line.strip() not in again][-_LAST_LINES:])


def _archives(outcome: TaskOutcome) -> list[str]:
    """The archives that a backup wrote, as its log names them."""
    names = [shown(name, _LONGEST_LINE) for name in outcome.archives[:_MOST_ARCHIVES]]
    return [f"Written: {in_a_row(names, len(outcome.archives))}"] if names else []


def _path(outcome: TaskOutcome) -> str:
    return f"/nodes/{outcome.task.node}/tasks/{outcome.upid}"
