"""What a call would do, for whoever confirms it: complete, as data and as text.

Each effect has a line with its cause, each thing hit, each value that changes and each parameter a line of its own.
Values are JSON on one line in which nothing can end the string or look like a line of ours; what will run is never
hidden and nothing is cut. Records keep ``redacted``, which has no secret in it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxmox_mcp.record.redaction import HIDDEN
from proxmox_mcp.untrusted import literal, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxmox_mcp.confirm.subjects import Subject
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.policy.effects import Cause
    from proxmox_mcp.record.redaction import Redactor

HOW_TO_CONFIRM = (
    "If the user asked for exactly this, repeat the call with `confirm`; otherwise show them this statement and ask. "
    "The token shows that this was stated, not that a person agreed."
)
_CODE = frozenset(
    {"command", "content", "input-data", "args", "hookscript", "script", "environment", "env", "cicustom"}
)
"""Parameters that will run, or decide what will: whoever confirms them sees all of them."""
_LONGEST_PATH = 400


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as it will be sent. ``value`` is JSON on one line; ``redacted`` the same for records."""

    name: str
    value: str
    redacted: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One value of the configuration before and after the call, as JSON on one line; empty where there is none."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a call would do. ``text`` is for whoever confirms and kept only while it waits, ``redacted`` for records;
    ``identity`` is what a confirmation is bound to. The rest is the same as data."""

    text: str
    identity: str
    redacted: str = ""
    call: str = ""
    effects: tuple[Cause, ...] = ()
    subjects: tuple[Subject, ...] = ()
    differences: tuple[Difference, ...] = ()
    parameters: tuple[Parameter, ...] = ()

    def fingerprint(self) -> str:
        return hashlib.sha256(self.identity.encode("utf-8", "surrogatepass")).hexdigest()


def state(
    call: Call, subjects: Sequence[Subject], redactor: Redactor, differences: Sequence[Difference] = ()
) -> Statement:
    """The statement for one call. ``subjects``: what it hits; ``differences``: what it changes; read at this moment."""
    name = f"{call.method} {one_line(call.path.text, _LONGEST_PATH)}"
    parameters = tuple(_parameters(call, redactor))
    head = [name if call.template else f"{name} (unknown path: what it does is unknown)"]
    head += ["Effects:", *(f"- {_effect(cause)}" for cause in call.judgement.causes)]
    head += _section("Hits:", (str(subject) for subject in subjects))
    head += _section(
        "Changes:", (f"{each.name}: {each.before or 'unset'} → {each.after or 'unset'}" for each in differences)
    )
    whole = _section("Parameters:", (f"{each.name} = {each.value}" for each in parameters))
    hidden = _section("Parameters:", (f"{each.name} = {each.redacted}" for each in parameters))
    identity = [[subject.kind, subject.id, dict(subject.identity), bool(subject.unread)] for subject in subjects]
    return Statement(
        text="\n".join([*head, *whole]),
        redacted="\n".join([*head, *hidden]),
        identity=json.dumps(identity, sort_keys=True),
        call=name,
        effects=call.judgement.causes,
        subjects=tuple(subjects),
        differences=tuple(differences),
        parameters=parameters,
    )


def _section(heading: str, lines: Iterator[str]) -> list[str]:
    told = [f"- {line}" for line in lines]
    return [heading, *told] if told else []


def _effect(cause: Cause) -> str:
    by = f", by {one_line(cause.parameter)}" if cause.parameter else ""
    return f"{cause.effect}{by}: {cause.why}"


def _parameters(call: Call, redactor: Redactor) -> Iterator[Parameter]:
    redacted = redactor.data(dict(call.data), call.template)
    for name, value in call.data.items():
        kept = _value(redacted[name], value)
        yield Parameter(one_line(name), literal(value) if name in _CODE else kept, kept)


def _value(value: Any, sent: Any) -> str:
    """A value without its secrets. Where those are parts of a text, it says how much of it is not seen."""
    told = literal(value)
    if value in (sent, HIDDEN):
        return told
    hidden = len(literal(sent)) - len(told.replace(HIDDEN, ""))
    return f"{told} ({hidden} characters of it hidden as secrets)"
