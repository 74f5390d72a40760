"""The guard of one gateway: decides a call, refuses what is denied, and has it confirmed by whom the policy says."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

import anyio.to_thread
from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.confirm.confirmations import ConfirmationMethod, ConfirmSetting, confirmation_method
from proxmox_mcp.confirm.statement import HOW_TO_CONFIRM
from proxmox_mcp.errors import ConfirmationError, ConfirmationNeededError, DeniedError
from proxmox_mcp.gateway import approval
from proxmox_mcp.gateway.agreement import held_to
from proxmox_mcp.gateway.guest_command import must_be_showable
from proxmox_mcp.gateway.live_facts import read_facts
from proxmox_mcp.policy.call import judge
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.effects import needed, several
from proxmox_mcp.policy.predicates import UNKNOWN
from proxmox_mcp.policy.rules import Needs, Verdict
from proxmox_mcp.proxmox.shares import on_behalf_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxmox_mcp.confirm.approvals import Approvals
    from proxmox_mcp.confirm.confirmations import Confirmations
    from proxmox_mcp.confirm.freezes import Freezes
    from proxmox_mcp.confirm.grants import Grants
    from proxmox_mcp.confirm.operators import Operators
    from proxmox_mcp.confirm.statement import Statement
    from proxmox_mcp.confirm.waiting import Waiting
    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.gateway.request import Client, Request, Wording
    from proxmox_mcp.gateway.schema_source import ReviewSource
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.policy.limits import RateLimits
    from proxmox_mcp.policy.policy import Decision, Policy
    from proxmox_mcp.policy.policy_file import PolicySource
    from proxmox_mcp.record.activity import ActivityLog
    from proxmox_mcp.record.audit import AuditLog
    from proxmox_mcp.record.one_time_secrets import OneTimeSecrets
    from proxmox_mcp.record.redaction import Redactor
    from proxmox_mcp.store import Store

_NOTHING_SENT = "Nothing was sent."
_LONGEST_ANSWER = 16_000
"""Characters of a statement that a client's question or a model's answer shows whole, about 4,000 tokens."""
_LONGEST_NUMBER = 15
"""Digits of an approval's number: SQLite holds no more than 18, and nobody has asked for so many."""
_in_thread = anyio.to_thread.run_sync
"""Confirmations and approvals may lie in a file or on another machine."""


class Confirmable(Protocol):
    """What is to be confirmed, as a statement from the state of what it hits."""

    async def statement(self, *, backups: bool = True) -> Statement:
        """The statement. ``backups``: told too where something is destroyed; no confirmation is bound to them."""
        ...

    async def again(self) -> Confirmable:
        """The same with the state read again: somebody was asked meanwhile."""
        ...


class CallStatement(Struct, frozen=True):
    """The statement of one call."""

    guard: Guard
    live: LiveState

    async def statement(self, *, backups: bool = True) -> Statement:
        return await self.live.statement(self.guard.redactor, backups=backups)

    async def again(self) -> Confirmable:
        live = await self.live.reread()
        live.call = await self.guard.judge(live.call, live)
        return CallStatement(self.guard, live)


class Guard(Struct, frozen=True):
    """Everything between a call and the cluster."""

    reviews: ReviewSource
    source: PolicySource
    setting: ConfirmSetting
    confirmations: Confirmations
    approvals: Approvals
    limits: RateLimits
    audit: AuditLog
    redactor: Redactor
    one_time_secrets: OneTimeSecrets
    freezes: Freezes
    grants: Grants
    operators: Operators
    waiting: Waiting
    store: Store
    activity: ActivityLog

    @property
    def policy(self) -> Policy:
        """The policy in force: a reload puts another in its place."""
        return self.source.policy

    def close(self) -> None:
        """Close the audit log, the record of activity that it feeds, and the store; the next use opens them again.

        Blocks while what waits is written.
        """
        self.audit.close()
        self.activity.close()
        self.store.close()

    async def judge(self, call: Call, live: LiveState) -> Call:
        """The call with its effects and targets; the live facts that decide about an effect are read first."""
        reviews = await self.reviews.current()
        wanted = needed(call, reviews)
        return judge(call, reviews, await read_facts(wanted, live) if wanted else UNKNOWN)

    @asynccontextmanager
    async def admitted(self, caller: Caller) -> AsyncIterator[None]:
        """Around one request or step of a plan: counts towards the caller's limits, and takes connections from the
        caller's share.

        Raises RateLimitError.
        """
        async with self.limits.call(caller):
            with on_behalf_of(caller.name):
                yield

    async def decide(self, call: Call, live: LiveState) -> Call:
        """The call with what the policy says; the live facts that its rules need are read first."""
        policy = self.policy
        return call.decided(policy.decide(call, await live.facts(policy.needs(call))))

    def admit(self, call: Call, request: Request) -> None:
        """Refuse what is denied, what the read tool is not for, what many places would have to be asked about, and a
        command that nobody could be shown whole.

        In read-only mode there is no other tool: what the policy allows there (a rule names it) the read tool does.
        Raises DeniedError.
        """
        decision, caution, judgement = _decision_of(call), call.caution, call.judgement
        if decision.verdict is Verdict.DENY:
            said = f"Not allowed: {decision.reason}. By its effects: {several(decision.causes)}."
            advice = f"{_NOTHING_SENT} {request.wording.denied}"
            raise DeniedError("\n".join(filter(None, (said, caution))), advice)
        read_only = self.policy.effective_mode(call.caller) is Mode.READ_ONLY
        if request.reads_only and judgement.effects != {Effect.READ} and not read_only:
            more = judgement.of(judgement.effects - {Effect.READ})
            said = f"proxmox_api_get is for what only reads the cluster; this does more: {several(more)}."
            if not judgement.reviewed:
                said = "Unknown path: it is not known whether it only reads the cluster, as proxmox_api_get does."
            advice = f"{_NOTHING_SENT} Use proxmox_api_call with method GET, on one place."
            raise DeniedError("\n".join(filter(None, (caution, said))), advice)
        if not request.alone and decision.verdict is Verdict.CONFIRM:
            said = f"This needs a confirmation ({decision.reason}), which is of one place at a time."
            raise DeniedError(said, f"{_NOTHING_SENT} Name the place.")
        if request.work is not None and decision.verdict is Verdict.CONFIRM:
            must_be_showable(request.work)

    async def confirm(self, call: Call, request: Request, live: LiveState, client: Client) -> Call:
        """The call with who or what confirmed it, where the decision asks for a confirmation; else the call as it is.

        A step of a plan was confirmed with it, and is held to what was stated; what a person has granted is confirmed
        by that. Raises as ``confirm_stated`` does.
        """
        if request.agreed is not None:
            bound = await live.statement(self.redactor, backups=False) if request.agreed.fingerprint else None
            return held_to(request.agreed, call, bound)
        if not request.confirm and client.answer is None and (granted := await self._granted(call, live)):
            return replace(call, confirmation=granted)
        return await self.confirm_stated(call, request, CallStatement(self, live), client)

    async def _granted(self, call: Call, live: LiveState) -> str:
        """The grant that confirms the call, which is used by that; empty where none does."""
        decision = _decision_of(call)
        if decision.verdict is not Verdict.CONFIRM or decision.four_eyes:
            return ""
        if not await self.store.in_thread(self.grants.may_cover, call):
            return ""
        if call.writes:
            await _in_thread(self.freezes.refuse_if_frozen)
        facts = await live.facts(Needs(guests=call.targets.guests))
        grant = await self.store.in_thread(self.grants.use, call, facts)
        return f"grant {grant.number} by {grant.granted_by} ({grant.used} of {grant.calls})" if grant else ""

    async def confirm_stated(self, call: Call, request: Request, stated: Confirmable, client: Client) -> Call:
        """As ``confirm``, with the statement from elsewhere: that of a plan is made of many calls.

        Where an operator must approve, the call waits for that a while; it must be within ``admitted``. Raises
        ConfirmationNeededError with the way to confirm, ConfirmationError for an invalid confirmation, DeniedError
        where this client can't give the one that is asked for, FrozenError while writes are frozen.
        """
        decision = _decision_of(call)
        if decision.verdict is not Verdict.CONFIRM and not request.always_ask:
            return call
        if call.writes:
            # The writer asks again: this only spares a person a question whose answer can't take effect.
            await _in_thread(self.freezes.refuse_if_frozen)
        method = await self._method(decision, request, client)
        if client.answer is not None and method is ConfirmationMethod.ELICIT:
            if not client.answer.agreed:
                await _in_thread(self.confirmations.withdraw, client.answer.token)
                raise _declined(request.wording)
            statement = await stated.statement(backups=False)
            await _in_thread(self.confirmations.redeem, client.answer.token, call, statement)
            return replace(call, confirmation="person", statement=statement.recorded)
        if number := _number_of(request.confirm):
            return await approval.waited_for(number, call, request, stated, client, self)
        if request.confirm:
            return await self._redeem(request.confirm.strip(), call, stated)
        statement = await stated.statement()
        undo = f"It {call.undo}." if call.undo else ""
        first = "A rule has a snapshot taken first." if decision.snapshot else ""
        said = "\n".join(filter(None, (statement.text, undo, first, self.redactor.text(call.caution))))
        if len(said) > _LONGEST_ANSWER and method is not ConfirmationMethod.REFUSE:
            method = ConfirmationMethod.OPERATOR
            said = (
                f"{call.name}: {several(call.judgement.causes)}.\nThe statement of all that it would do has "
                f"{len(said):,} characters, too long to be confirmed here; the approval shows it whole."
            )
        match method:
            case ConfirmationMethod.ELICIT:
                token = await _in_thread(self.confirmations.issue, call, statement)
                if not await client.ask(f"{said}\nDo it?", token):
                    await _in_thread(self.confirmations.withdraw, token)
                    raise _declined(request.wording)
                statement = await (await stated.again()).statement()
                await _in_thread(self.confirmations.redeem, token, call, statement)
                by = f"approved by {request.operator}" if request.operator else "person"
                return replace(call, confirmation=by, statement=statement.recorded)
            case ConfirmationMethod.TOKEN:
                token = await _in_thread(self.confirmations.issue, call, statement)
                raise ConfirmationNeededError(
                    f"{said}\n{_NOTHING_SENT} This needs a confirmation ({decision.reason}).",
                    f"confirm: {token}\n{HOW_TO_CONFIRM}",
                )
            case ConfirmationMethod.OPERATOR:
                number = await _in_thread(self.approvals.request, call, statement)
                said = f"{said}\n{_NOTHING_SENT} A person must approve this ({decision.reason})."
                return await approval.requested(number, call, request, stated, client, self, said=said)
            case _:
                raise DeniedError(
                    f"{statement.text}\nA person must confirm this in the client, and this client can't ask.",
                    f"{_NOTHING_SENT} Use a client with elicitation, or have the operator set MCP_CONFIRM=operator.",
                )

    async def _method(self, decision: Decision, request: Request, client: Client) -> ConfirmationMethod:
        if decision.four_eyes:
            return ConfirmationMethod.OPERATOR  # Who asks is the caller's own person, in the client and in the console.
        if request.operator:
            # An operator's own yes to this very statement is what an approval would be.
            return ConfirmationMethod.ELICIT
        return await _in_thread(
            partial(
                confirmation_method,
                self.setting,
                can_elicit=client.can_be_asked,
                person_only=decision.person_only,
                operator_hears=self.operators.can_hear,
            )
        )

    async def _redeem(self, token: str, call: Call, stated: Confirmable) -> Call:
        if self.setting is not ConfirmSetting.TOKEN or _decision_of(call).person_only:
            raise ConfirmationError(
                "A person must confirm this call; a token does not count.",
                f"{_NOTHING_SENT} Make the call without `confirm` to have a person asked.",
            )
        statement = await stated.statement(backups=False)
        await _in_thread(self.confirmations.redeem, token, call, statement)
        return replace(call, confirmation="token", statement=statement.recorded)


def _number_of(confirm: str) -> int:
    """The number of an approval; 0 if it is a token."""
    given = confirm.strip()
    return int(given) if given.isascii() and given.isdecimal() and len(given) <= _LONGEST_NUMBER else 0


def _decision_of(call: Call) -> Decision:
    assert call.decision is not None  # noqa: S101 - the pipeline decides before it admits
    return call.decision


def _declined(wording: Wording) -> ConfirmationError:
    """Somebody said no, or nobody was there: Claude Code, run unattended, dismisses every question."""
    return ConfirmationError(wording.declined, f"{_NOTHING_SENT} {wording.after_declining}".rstrip())
