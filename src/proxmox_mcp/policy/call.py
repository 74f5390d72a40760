"""One call to one concrete path, from the request to its result: the value that the pipeline refines step by step.

Policy, statement, confirmation, audit, suggestions and metrics all take this value; each step adds what it found out
by ``replace``. Nothing in it stands for several places, and no guest's name in place of its number.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from proxmox_mcp.policy.caller import LOCAL, Caller
from proxmox_mcp.policy.effects import NOT_JUDGED, Judgement, judgement_of
from proxmox_mcp.policy.predicates import UNKNOWN, LiveFacts
from proxmox_mcp.policy.targets import NO_TARGETS, Targets, targets_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc import CallProblem, Endpoint
    from proxmox_mcp.apidoc.path import ApiPath
    from proxmox_mcp.apidoc.reviews import Reviews
    from proxmox_mcp.policy.policy import Decision


class Received(Struct, frozen=True, kw_only=True):
    """What a call got: ``data`` with its secrets taken out, and what is to be said beside it.

    Where ``told`` is set it is the answer in words, and ``data`` what Proxmox sent (the UPID of a task that is told).
    ``unread`` tells of rows that were not read; ``running``: the call started a task that has not ended.
    """

    data: Any = None
    told: str = ""
    notes: tuple[str, ...] = ()
    unread: str = ""
    running: bool = False


class Call(Struct, frozen=True, kw_only=True):
    """The call as far as it is known: who asks what (``tool``, ``client`` and ``id`` are for the record), what the
    check found, how it is judged and decided, who confirmed it, and what came back.

    ``template`` is the endpoint's, empty where the schema has none; ``data`` the parameters outside the path as they
    are sent. ``faults`` are those for which it is not sent; ``caution`` is what the schema doubts without refusing it.
    ``statement`` is what was confirmed, as it is recorded; empty where nobody was asked.
    ``undo`` says whether the call can be undone; ``undoable``: whole, by the state before it, which was read whole and
    is on disk when it is sent. ``change`` is the number of its record, 0 where it has none.
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
    faults: tuple[CallProblem, ...] = ()
    caution: str = ""
    judgement: Judgement = NOT_JUDGED
    targets: Targets = NO_TARGETS
    decision: Decision | None = None
    confirmation: str = ""
    statement: str = ""
    upids: tuple[str, ...] = ()
    undo: str = ""
    undoable: bool = False
    change: int = 0
    received: Received = Received()

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def snapshot_asked(self) -> bool:
        """Whether a rule asks for a snapshot of the guests before the call is sent."""
        return self.writes and self.decision is not None and self.decision.snapshot

    @property
    def name(self) -> str:
        """``DELETE /nodes/pve1/qemu/102``, decoded."""
        return f"{self.method} {self.path.text}"

    def judged(self, judgement: Judgement, targets: Targets) -> Call:
        """The call with its effects and what it hits."""
        return replace(self, judgement=judgement, targets=targets)

    def decided(self, decision: Decision) -> Call:
        """The call with what the policy says of it."""
        return replace(self, decision=decision)

    def answered(self, received: Received) -> Call:
        """The call with what it got."""
        return replace(self, received=received)

    def digest(self) -> str:
        """SHA-256 over what a confirmation is for: who calls, and exactly what will be sent, secrets included."""
        parts = [self.caller.name, self.cluster, self.method, self.path.text, dict(self.data)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def judge(call: Call, reviews: Reviews, facts: LiveFacts = UNKNOWN) -> Call:
    """The call with its effects, and what it hits.

    ``facts``: what was read of the live state; what was not counts against the call. What an ``undoable`` call loses
    can be brought back: this takes ``destroy`` away, nothing else.
    """
    judgement = judgement_of(call, reviews, facts)
    if call.undoable:
        judgement = judgement.relieved()
    return call.judged(judgement, targets_of(call, judgement.open_ended))
