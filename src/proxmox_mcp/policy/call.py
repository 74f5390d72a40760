"""One call to one concrete path, from the request to its result: the value that the pipeline refines step by step.

Policy, statement, confirmation, audit, suggestions and metrics all take this value; each step adds what it found out
by ``dataclasses.replace``. Nothing in it stands for several places, and no guest's name in place of its number.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from proxmox_mcp.policy.caller import LOCAL, Caller
from proxmox_mcp.policy.risk import Judgement, Risk
from proxmox_mcp.policy.targets import NO_TARGETS, Targets, targets_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc.model import Endpoint, Problem
    from proxmox_mcp.apidoc.path import ApiPath
    from proxmox_mcp.policy.policy import Decision
    from proxmox_mcp.policy.risk import RiskTable

NOT_JUDGED = Judgement(Risk.ACCESS, "not judged yet", reviewed=False)
"""Before a call is judged it counts as the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a call got: ``data`` with its secrets taken out, and what is to be said beside it.

    Where ``told`` is set it is the answer in words, and ``data`` what Proxmox sent (the UPID of a task that is told).
    ``unread`` tells of rows that were not read.
    """

    data: Any = None
    told: str = ""
    notes: tuple[str, ...] = ()
    unread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The call as far as it is known: who asks what (``tool``, ``client`` and ``id`` are for the record), what the
    check found, how it is judged and decided, who confirmed it, and what came back.

    ``template`` is the endpoint's, empty where the schema has none; ``data`` the parameters outside the path as they
    are sent. ``faults`` are those for which it is not sent; ``caution`` is what the schema doubts without refusing it.
    """

    method: str
    path: ApiPath
    caller: Caller = LOCAL
    cluster: str = ""
    tool: str = ""
    client: str = ""
    id: str = ""
    endpoint: Endpoint | None = None
    template: str = ""
    path_params: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[Problem, ...] = ()
    caution: str = ""
    judgement: Judgement = NOT_JUDGED
    targets: Targets = NO_TARGETS
    decision: Decision | None = None
    confirmation: str = ""
    upids: tuple[str, ...] = ()
    received: Received = Received()

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def name(self) -> str:
        """``DELETE /nodes/pve1/qemu/102``, decoded."""
        return f"{self.method} {self.path.text}"

    def digest(self) -> str:
        """SHA-256 over what a confirmation is for: who calls, and exactly what will be sent, secrets included."""
        parts = [self.caller.name, self.cluster, self.method, self.path.text, dict(self.data)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def judge(call: Call, risks: RiskTable) -> Call:
    """The call with what it may do, and what it hits."""
    judgement = risks.judge(call.method, call.template or call.path.text, call.data)
    return replace(call, judgement=judgement, targets=targets_of(call))
