"""The steps of a plan as a caller gives them, and as they are carried out: one call to one concrete path each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from proxmox_mcp.errors import InvalidCallError, ProxmoxMcpError, listed
from proxmox_mcp.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proxmox_mcp.apidoc.path import ApiPath

_KEYS = ("path", "method", "data")
_METHODS = ("POST", "PUT", "DELETE")
_LONGEST_PATH = 4_096
_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """One write as it was given: ``path`` may hold ``*``, names of guests and references. ``why`` is shown with it.

    ``literal``: it holds no references, whatever its values look like: they were read from the cluster. ``undoes`` is
    the number of the change that is undone once this step is done.
    """

    method: str
    path: str
    data: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    literal: bool = False
    undoes: int | None = None

    @property
    def given(self) -> dict[str, Any]:
        """As JSON: what makes the step again."""
        return {
            "path": self.path,
            "method": self.method,
            "data": dict(self.data),
            "why": self.why,
            "literal": self.literal,
            "undoes": self.undoes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcreteStep:
    """One call to one concrete path.

    ``number`` counts from 1 in the order in which steps are carried out, ``given`` is the step of the caller that it
    comes from; ``allocated`` are the identifiers that the server chose for it, by parameter. ``fanned``: a ``*`` stands
    for this place among others. ``literal`` and ``undoes`` are those of the given step.
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

    @property
    def name(self) -> str:
        """``POST /nodes/pve1/qemu/102/status/stop``, decoded."""
        return f"{self.method} {self.path.text}"


@dataclass(frozen=True, slots=True)
class StepFault:
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
        wrong = list(_faults(each))
        faults += [StepFault(number, InvalidCallError(message)) for message in wrong]
        if not wrong:
            method = str(each["method"]).strip().upper()
            steps.append(PlanStep(method=method, path=each["path"], data=each.get("data") or {}))
    refuse(faults, len(given))
    return tuple(steps)


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
