"""The steps of a plan as a caller gives them, and as they are carried out: one call to one concrete path each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct, field

from proxmox_mcp.apidoc.path import ANY, GUESTS
from proxmox_mcp.errors import InvalidCallError, ProxmoxMcpError, listed
from proxmox_mcp.gateway.guest_command import READY, given_of, work_of
from proxmox_mcp.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proxmox_mcp.apidoc.path import ApiPath
    from proxmox_mcp.guests import GuestExec

_KEYS = ("path", "method", "data")
_OF_COMMANDS = ("guest", "command", "input", "timeout", "wait_for")
_METHODS = ("POST", "PUT", "DELETE")
_LONGEST_PATH = 4_096
_MOST_FAULTS = 20
_GUEST = re.compile(r"\*|[\w.-]{1,256}|\$\{\w{1,4}\.\w{1,40}\}", re.ASCII)
"""An id, a name, a reference to a guest that an earlier step creates, or those that the filter selects: one segment of
a path."""


class PlanStep(Struct, frozen=True, kw_only=True):
    """One write as it was given: ``path`` may hold ``*``, names of guests and references. ``why`` is shown with it.

    ``literal``: it holds no references, whatever its values look like: they were read from the cluster. ``undoes`` is
    the number of the change that is undone once this step is done. ``work`` is a command for the guest that the path
    names, in place of ``data``; it holds no references.
    """

    method: str
    path: str
    data: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    literal: bool = False
    undoes: int | None = None
    work: GuestExec | None = None

    @property
    def given(self) -> dict[str, Any]:
        """As JSON: what makes the step again (``kept``)."""
        return {
            "path": self.path,
            "method": self.method,
            "data": dict(self.data),
            "why": self.why,
            "literal": self.literal,
            "undoes": self.undoes,
            "work": given_of(self.work) if self.work else None,
        }

    @classmethod
    def kept(cls, given: Mapping[str, Any]) -> Self:
        """The step that was given as this."""
        work = given.get("work")
        return cls(**{**given, "work": work_of(work) if work else None})


class ConcreteStep(Struct, frozen=True, kw_only=True):
    """One call to one concrete path.

    ``number`` counts from 1 in the order in which steps are carried out, ``given`` is the step of the caller that it
    comes from; ``allocated`` are the identifiers that the server chose for it, by parameter. ``fanned``: a ``*`` stands
    for this place among others. ``literal`` and ``undoes`` are those of the given step. ``work`` is its command, with
    the guest: ``path`` is that of the call that carries it.
    """

    number: int
    given: int
    method: str
    path: ApiPath
    data: Mapping[str, Any]
    why: str = ""
    allocated: Mapping[str, str] = field(default_factory=dict)
    fanned: bool = False
    literal: bool = False
    undoes: int | None = None
    work: GuestExec | None = None

    @property
    def name(self) -> str:
        """``POST /nodes/pve1/qemu/102/status/stop``, decoded."""
        return f"{self.method} {self.path.text}"


class StepFault(Struct, frozen=True):
    """What is wrong with one of the caller's steps, counted from 1."""

    given: int
    error: ProxmoxMcpError


def refuse(faults: Sequence[StepFault], steps: int) -> None:
    """Raise one error with every fault, of the class of the first; nothing if there are no faults."""
    if not faults:
        return
    told = list(dict.fromkeys(f"- step {fault.given}: {listed(fault.error)}" for fault in faults))
    more = [f"- and {len(told) - _MOST_FAULTS} more"] if len(told) > _MOST_FAULTS else []
    wrong = len({fault.given for fault in faults})
    head = f"The plan can't be carried out: {wrong} of {steps} steps {'has' if wrong == 1 else 'have'} faults."
    kind = type(faults[0].error)
    if len({type(fault.error) for fault in faults}) > 1 or kind.__init__ is not ProxmoxMcpError.__init__:
        kind = InvalidCallError
    raise kind("\n".join([head, *told[:_MOST_FAULTS], *more]), "Nothing was sent. Correct this and call again.")


def read_steps(given: Sequence[Mapping[str, Any]], most: int) -> tuple[PlanStep, ...]:
    """The steps of a plan. Raises InvalidCallError with the faults of all of them."""
    if not given:
        raise InvalidCallError("steps: empty.", 'Give writes: [{"path": ..., "method": "PUT", "data": {...}}].')
    if len(given) > most:
        raise InvalidCallError(
            f"steps: {len(given)} are too many.", f"Allowed: {most} (MCP_PLAN_STEPS). Make several plans."
        )
    steps: list[PlanStep] = []
    faults: list[StepFault] = []
    for number, each in enumerate(given, 1):
        is_command = "command" in each or "guest" in each
        wrong = list(_command_faults(each) if is_command else _faults(each))
        faults += [StepFault(number, InvalidCallError(message)) for message in wrong]
        if wrong:
            continue
        try:
            steps.append(_command_step(each) if is_command else _step(each))
        except InvalidCallError as error:
            faults.append(StepFault(number, error))
    refuse(faults, len(given))
    return tuple(steps)


def _step(given: Mapping[str, Any]) -> PlanStep:
    return PlanStep(method=given["method"].strip().upper(), path=given["path"], data=given.get("data") or {})


def _faults(step: Mapping[str, Any]) -> Iterable[str]:
    for name in step:
        if name not in _KEYS:
            near = did_you_mean(str(name)[:80], _KEYS, 1, quote="`") or f"Allowed: {', '.join(_KEYS)}."
            yield f"{str(name)[:80]}: unknown key. {near} Parameters of the API call go into `data`."
    path, method, data = step.get("path"), step.get("method"), step.get("data")
    if not isinstance(path, str) or not path.strip() or len(path) > _LONGEST_PATH:
        yield f"path: must be a path of the API, at most {_LONGEST_PATH:,} characters."
    written = method.strip().upper() if isinstance(method, str) else ""
    if written == "GET":
        yield "method: GET only reads. A plan holds writes: POST, PUT or DELETE. Read with proxmox_api_get."
    elif written not in _METHODS:
        yield f"method: must be one of {', '.join(_METHODS)}."
    if data is not None and not isinstance(data, dict):
        yield 'data: must be an object, such as {"cores": 4}.'


def _command_step(given: Mapping[str, Any]) -> PlanStep:
    """A command for a guest: the call that carries it is a POST, whose path is known with the guest's kind. Raises
    InvalidCallError."""
    command = given["command"]
    work = work_of({**given, "command": [command] if isinstance(command, str) else command})
    work.check()
    return PlanStep(method="POST", path=f"nodes/{ANY}/{GUESTS}/{_guest_in(given)}", work=work)


def _guest_in(step: Mapping[str, Any]) -> str:
    guest = step.get("guest")
    return str(guest).strip() if isinstance(guest, str | int) and not isinstance(guest, bool) else ""


def _command_faults(step: Mapping[str, Any]) -> Iterable[str]:
    for name in step:
        if name not in _OF_COMMANDS:
            near = did_you_mean(str(name)[:80], _OF_COMMANDS, 1, quote="`") or f"Allowed: {', '.join(_OF_COMMANDS)}."
            yield f"{str(name)[:80]}: unknown key of a command. {near}"
    if not _GUEST.fullmatch(_guest_in(step)):
        yield "guest: must be the id or name of a guest, * (what `filter` selects), or ${1.vmid}."
    command = step.get("command")
    parts = [command] if isinstance(command, str) else command
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        yield 'command: must be a list of texts, such as ["df", "-h"].'
    if not isinstance(step.get("input", ""), str):
        yield "input: must be a text."
    seconds = step.get("timeout", 1)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        yield "timeout: must be a number of seconds."
    if step.get("wait_for", "") not in ("", READY):
        yield f"wait_for: allowed is {READY}."
