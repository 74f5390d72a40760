"""The statement of a plan: what it does in one line, then step by step, alike steps together."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.confirm.statement import Statement
from proxmox_mcp.gateway.agreement import fingerprint_of
from proxmox_mcp.untrusted import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from proxmox_mcp.confirm.subjects import Subject
    from proxmox_mcp.gateway.plans.proposal import PlannedStep, Proposal

_LONGEST_PATH = 400
_WHAT = {"Effects:": "", "Hits:": "hits ", "Changes:": "changes ", "Parameters:": "sends "}
"""The headings of a statement, and what comes before each of their lines in that of a plan."""


class StatedStep(Struct, frozen=True):
    """A step with the statement of its call."""

    planned: PlannedStep
    statement: Statement

    @property
    def number(self) -> int:
        return self.planned.step.number

    @property
    def called(self) -> str:
        return f"{self.number}. {self.planned.call.method} {one_line(self.planned.call.path.text, _LONGEST_PATH)}"


def plan_statement(proposal: Proposal, stated: Sequence[StatedStep], number: int = 0) -> Statement:
    """The statement of all steps: bound to each of them with what it hits. ``number`` is that of the plan, if any."""
    head = f"Plan {number}: {proposal.summary}" if number else f"Plan: {proposal.summary}"
    made = {vmid: p.step.number for p in proposal.steps for vmid in p.step.allocated.values()}
    tail = [*_undo(stated, made), *(f"Left out: {each}." for each in proposal.left_out), _ON_ERROR[proposal.on_error]]

    def text(of: Callable[[Statement], str]) -> str:
        told = _Told(of, made)
        groups = [list(group) for _, group in groupby(stated, key=_likeness)]
        return "\n".join([head, *(line for group in groups for line in told.group(group)), *tail])

    return Statement(
        text=text(lambda statement: statement.text),
        redacted=text(lambda statement: statement.redacted),
        identity=json.dumps([[each.planned.step.name, fingerprint_of(each.statement)] for each in stated]),
        call=head,
        effects=proposal.decision.judgement.causes,
        subjects=tuple(subject for each in stated for subject in each.statement.subjects),
        differences=tuple(difference for each in stated for difference in each.statement.differences),
        parameters=tuple(parameter for each in stated for parameter in each.statement.parameters),
    )


_ON_ERROR = {
    "stop": "If a step fails, the rest is not sent.",
    "continue": "If a step fails, the rest is sent all the same.",
}


def _likeness(each: StatedStep) -> tuple[object, ...]:
    """Steps that follow one another are told together if they are the same call on other things."""
    call, step = each.planned.call, each.planned.step
    sent = {name: value for name, value in call.data.items() if name not in step.allocated}
    return step.given, call.method, call.template, json.dumps(sent, sort_keys=True), each.statement.effects


class _Told(Struct, frozen=True):
    """Writes steps as lines. ``of`` gives the whole text of a statement or the redacted one, ``made`` the step that
    creates a guest, by its id."""

    of: Callable[[Statement], str]
    made: Mapping[str, int]

    def group(self, group: Sequence[StatedStep]) -> Iterator[str]:
        first, written = group[0], [list(self._lines(each)) for each in group]
        if len(group) == 1:
            why = first.planned.step.why
            yield first.called + (f" ({one_line(why)})" if why else "")
            yield from (f"   {line}" for line in written[0])
            return
        common = [line for line in written[0] if all(line in lines for lines in written)]
        yield f"{first.number}-{group[-1].number}. {len(group)} calls, each of which:"
        yield from (f"   {line}" for line in common)
        for each, lines in zip(group, written, strict=True):
            own = [line for line in lines if line not in common]
            if len(own) == 1:
                yield f"   {each.called}: {own[0]}"
            else:
                yield f"   {each.called}"
                yield from (f"      {line}" for line in own)

    def _lines(self, each: StatedStep) -> Iterator[str]:
        """The lines of a statement after the first, which names the call: each says what it is, without a heading."""
        if each.planned.decision.snapshot:
            yield "a rule has a snapshot taken first"
        subjects = {str(subject): self._subject(subject, each.number) for subject in each.statement.subjects}
        what = ""
        for line in self.of(each.statement).splitlines()[1:]:
            if line in _WHAT:
                what = _WHAT[line]
            else:
                told = line.removeprefix("- ")
                yield f"{what}{subjects.get(told, told)}" if told != line else line

    def _subject(self, subject: Subject, step: int) -> str:
        maker = self.made.get(subject.id)
        if maker is None:
            return str(subject)
        return f"guest {subject.id}, a new one" if maker == step else f"guest {subject.id}, which step {maker} creates"


def _undo(stated: Sequence[StatedStep], made: Mapping[str, int]) -> Iterator[str]:
    """For each step whether it can be undone, those of one answer together."""
    by_answer: dict[str, list[int]] = {}
    for each in stated:
        by_answer.setdefault(_undoable(each.planned, made), []).append(each.number)
    for answer, numbers in by_answer.items():
        yield f"{answer}: {'all steps' if len(numbers) == len(stated) else ranges(numbers)}."


def _undoable(planned: PlannedStep, made: Mapping[str, int]) -> str:
    """What the record of changes says before the call; by the review of the endpoint where nothing is recorded, or
    where there is nothing to read yet, since an earlier step creates what is hit."""
    call, undo = planned.call, planned.call.judgement.undo
    created = any(made.get(part, planned.step.number) < planned.step.number for part in call.path.segments)
    if call.undo and not created:
        return f"{call.undo[0].upper()}{one_line(call.undo[1:])}"
    if undo is None:
        return "Cannot be undone"
    if undo.kind == "none":
        return f"Cannot be undone ({one_line(undo.how)})"
    return f"Can be undone except {one_line(undo.lost)}" if undo.lost else "Can be undone"


def ranges(numbers: Sequence[int]) -> str:
    """``1-3, 5``: numbers in rising order, those that follow one another as a range."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
