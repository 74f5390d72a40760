"""What a call would do, for the person who confirms it: complete, as data and as text.

Each effect has a line with its cause, each thing hit, each value that changes and each parameter a line of its own.
Values are JSON on one line in which nothing can end the string or look like our own line; what will run is never
hidden and nothing is cut. Records keep ``redacted``, which has no secret in it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.policy.values import ALIASES, list_members, texts
from proxmox_mcp.record.secret_patterns import HIDDEN, is_secret_name
from proxmox_mcp.render import Clock
from proxmox_mcp.untrusted import literal, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.confirm.subjects import Subject
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.policy.effects import Cause
    from proxmox_mcp.record.redaction import Redactor

HOW_TO_CONFIRM = (
    "If the user asked for exactly this, repeat the call with `confirm`; otherwise show them this statement and ask. "
    "The token shows that this was stated, not that a person agreed."
)
_CODE = frozenset(
    {"command", "commands", "content", "input-data", "args", "hookscript", "script", "environment", "env", "cicustom"}
)
"""Parameters that will run, or decide what will: who confirms them sees all of them."""
_LONGEST_PATH = 400
_EXPIRE, _LONGEST_EPOCH = "expire", 12
"""The only parameter of a write that is an epoch (``PVE::API2::User``): of users and tokens; 0 is never."""


class SentParameter(Struct, frozen=True):
    """One parameter as it will be sent. ``value`` is JSON on one line; ``redacted`` the same for records."""

    name: str
    value: str
    redacted: str


class ExpectedDifference(Struct, frozen=True):
    """One value of the configuration before and after the call, as JSON on one line; empty if it is not set.

    ``redacted`` is ``after`` for records.
    """

    name: str
    before: str
    after: str
    redacted: str = ""


class Statement(Struct, frozen=True):
    """What a call would do. ``text`` is for the person who confirms and kept only while it waits, ``redacted`` for
    records; ``recorded`` is that with digests in place of code; ``identity`` is what a confirmation is bound to. The
    rest is the same as data."""

    text: str
    identity: str
    redacted: str = ""
    recorded: str = ""
    call: str = ""
    effects: tuple[Cause, ...] = ()
    subjects: tuple[Subject, ...] = ()
    differences: tuple[ExpectedDifference, ...] = ()
    parameters: tuple[SentParameter, ...] = ()
    notes: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        return hashlib.sha256(self.identity.encode("utf-8", "surrogatepass")).hexdigest()


def state(
    call: Call,
    subjects: Sequence[Subject],
    redactor: Redactor,
    differences: Sequence[ExpectedDifference] = (),
    notes: Sequence[str] = (),
) -> Statement:
    """The statement for one call.

    ``subjects``: what it hits; ``differences``: what it changes; both read at this moment. ``notes``: our own sentences
    about the whole, such as what else may be hit.
    """
    name = f"{call.method} {one_line(call.path.text, _LONGEST_PATH)}"
    parameters = tuple(_parameters(call, redactor))
    head = [name if call.template else f"{name} (unknown path: what it does is unknown)"]
    head += ["Effects:", *(f"- {_effect(cause)}" for cause in call.judgement.causes)]
    head += _section("Hits:", (str(subject) for subject in subjects))
    head += [f"{note}." for note in notes]
    plain = [each for each in parameters if not _is_told(each.name, call, differences)]
    whole = _section("Changes:", (_change(each, each.after) for each in differences))
    whole += _section("Parameters:", (f"{each.name} = {_dated(each.name, each.value)}" for each in plain))
    hidden = _section("Changes:", (_change(each, each.redacted) for each in differences))
    hidden += _section("Parameters:", (f"{each.name} = {_dated(each.name, each.redacted)}" for each in plain))
    runs_code = Effect.EXECUTE in call.judgement.effects
    kept = _section("Changes:", (_change(each, _kept(each, runs_code=runs_code)) for each in differences))
    kept += _section("Parameters:", (f"{each.name} = {_kept(each, runs_code=runs_code)}" for each in plain))
    hit = [[subject.kind, subject.id, dict(subject.identity), bool(subject.unread)] for subject in subjects]
    replaced = [[each.name, each.before] for each in differences]
    identity = {"effects": call.judgement.names, "hits": hit, "replaced": replaced}
    return Statement(
        text="\n".join([*head, *whole]),
        redacted="\n".join([*head, *hidden]),
        recorded="\n".join([*head, *kept]),
        identity=json.dumps(identity, sort_keys=True),
        call=name,
        effects=call.judgement.causes,
        subjects=tuple(subjects),
        differences=tuple(differences),
        parameters=parameters,
        notes=tuple(notes),
    )


def changes_values(call: Call) -> bool:
    """Whether a call writes values that a GET of the same path shows, or deletes an entry of the configuration: not a
    volume, a disk or a guest."""
    if call.method == "DELETE":
        undo = call.judgement.undo
        return undo is not None and undo.kind == "create-again"
    return call.method == "PUT" or call.template.endswith("/config")


def differences_of(call: Call, before: Mapping[str, Any] | None, redactor: Redactor) -> tuple[ExpectedDifference, ...]:
    """What a call changes of a configuration, all of it where it deletes one; nothing where that isn't known, or where
    the call makes something else of its parameters."""
    if before is None or not changes_values(call):
        return ()
    shown = redactor.data(dict(before), call.template)
    if call.method == "DELETE":
        return tuple(
            ExpectedDifference(one_line(name), literal(value), "")
            for name, value in shown.items()
            if name not in _OF_THE_FILE and value not in ("", None)
        )
    found = []
    for parameter in _parameters(call, redactor):
        name = ALIASES.get(parameter.name, parameter.name)
        if name not in shown and _is_never_shown(name, call):
            continue
        if parameter.name not in _INSTRUCTIONS and _text(before.get(name)) != _text(call.data.get(parameter.name)):
            old = literal(shown[name]) if name in shown else ""
            found.append(ExpectedDifference(name, old, parameter.value, parameter.redacted))
    gone = dict.fromkeys(list_members(call.data.get("delete")))
    found += [ExpectedDifference(name, literal(shown[name]), "") for name in gone if name in shown]
    return tuple(found)


_INSTRUCTIONS = frozenset(
    {
        "delete",
        "digest",
        "revert",
        "force",
        "skiplock",
        "background_delay",
        "append",
        "create",
        "import-working-storage",
        "rename",
        "moveto",
        "regenerate",
        "lock-token",
        "allow-move",
    }
)
"""Parameters that say how a change is made; they are not values of the configuration."""
_OF_THE_FILE = frozenset({"digest", "pos"})
_MEMBERS = frozenset({"vms", "storage"})


def _is_never_shown(name: str, call: Call) -> bool:
    """Whether no GET shows a value though it may be set: nothing is said then of what it was. The configuration of a
    guest shows that a secret is set."""
    if call.template.startswith("/pools"):
        return name in _MEMBERS
    return is_secret_name(name) and not call.template.endswith("/config")


def _text(value: object) -> str:
    return ",".join(texts(value))


def _change(difference: ExpectedDifference, after: str) -> str:
    before, after = (_dated(difference.name, value) or "unset" for value in (difference.before, after))
    return f"{difference.name}: {before} → {after}"


def _dated(name: str, value: str) -> str:
    """A value, and with a time what it means: ``"1893456000" (2030-01-01 00:00 UTC)``, ``0 (never)``."""
    epoch = value.strip('"')
    if name != _EXPIRE or not (epoch.isascii() and epoch.isdecimal() and len(epoch) < _LONGEST_EPOCH):
        return value
    clock = Clock()
    return f"{value} ({f'{clock.moment(int(epoch))} {clock.name}' if int(epoch) else 'never'})"


def _is_told(name: str, call: Call, differences: Sequence[ExpectedDifference]) -> bool:
    """Whether a parameter is told by the differences already."""
    told = {each.name for each in differences}
    if name != "delete":
        return ALIASES.get(name, name) in told
    return told.issuperset(list_members(call.data.get(name)))


def _section(heading: str, lines: Iterator[str]) -> list[str]:
    told = [f"- {line}" for line in lines]
    return [heading, *told] if told else []


def _effect(cause: Cause) -> str:
    by = f", by {one_line(cause.parameter)}" if cause.parameter else ""
    return f"{cause.effect}{by}: {cause.why}"


def _parameters(call: Call, redactor: Redactor) -> Iterator[SentParameter]:
    redacted = redactor.data(dict(call.data), call.template)
    for name, value in call.data.items():
        kept = _value(redacted[name], value)
        yield SentParameter(one_line(name), literal(value) if name in _CODE else kept, kept)


def _kept(told: SentParameter | ExpectedDifference, *, runs_code: bool) -> str:
    """A value for records: code that a call runs as its digest."""
    if not runs_code or told.name not in _CODE or not told.redacted:
        return told.redacted
    return f"sha256:{hashlib.sha256(told.redacted.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _value(value: Any, sent: Any) -> str:
    """A value without its secrets. Where those are parts of a text, it says how much of it is not seen."""
    told = literal(value)
    if value in (sent, HIDDEN):
        return told
    hidden = len(literal(sent)) - len(told.replace(HIDDEN, ""))
    return f"{told} ({hidden} characters of it hidden as secrets)"
