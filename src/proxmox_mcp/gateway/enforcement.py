"""The guard as one gateway has it: deciding a resolved call, and having it confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio.to_thread

from proxmox_mcp.confirm import statement as effect
from proxmox_mcp.confirm.confirmations import Call as ExactCall
from proxmox_mcp.confirm.confirmations import Rung, Setting, rung
from proxmox_mcp.errors import ConfirmationError, ConfirmationNeededError, DeniedError
from proxmox_mcp.gateway.live_state import live_facts, subjects_of
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.risk import Risk
from proxmox_mcp.policy.rules import Verdict

if TYPE_CHECKING:
    from proxmox_mcp.confirm.approvals import Approvals
    from proxmox_mcp.confirm.confirmations import Confirmations
    from proxmox_mcp.confirm.statement import Statement
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.request import Client, Request
    from proxmox_mcp.gateway.wording import Wording
    from proxmox_mcp.policy.limits import RateLimits
    from proxmox_mcp.policy.policy import Decision, Policy
    from proxmox_mcp.policy.policy_file import PolicySource
    from proxmox_mcp.policy.risk import RiskTable
    from proxmox_mcp.policy.targets import Action
    from proxmox_mcp.record.audit import AuditLog
    from proxmox_mcp.record.one_time_secrets import Vault
    from proxmox_mcp.record.redaction import Redactor

_NOTHING_SENT = "Nothing was sent."
_LONGEST_NUMBER = 15
"""Digits of an approval's number: SQLite holds no more than 18, and nobody has asked for so many."""
_in_thread = anyio.to_thread.run_sync
"""Confirmations and approvals may lie in a file or on another machine."""


@dataclass(frozen=True)
class Guard:
    """Everything that stands between a call and the cluster."""

    risks: RiskTable
    source: PolicySource
    setting: Setting
    confirmations: Confirmations
    approvals: Approvals
    limits: RateLimits
    audit: AuditLog
    redactor: Redactor
    vault: Vault

    @property
    def policy(self) -> Policy:
        """The policy in force: a reload puts another in its place."""
        return self.source.policy

    async def decide(self, action: Action, call: Request, cluster: Cluster) -> Decision:
        """What the policy says, live facts looked up where a rule asks for them. Pure otherwise."""
        vmids = self.policy.lookups(action, call.caller)
        facts = await live_facts(vmids, cluster)
        return self.policy.decide(action, call.caller, facts)

    def admit(self, decision: Decision, call: Request, caution: str = "") -> None:
        """Refuse what is denied, what the read tool is not for, and what many places would have to be asked about.

        In read-only mode there is no other tool: what the policy allows there (a rule names it) the read tool does.
        ``caution`` is what the schema holds against the call: mostly the reason why it is judged so.

        Raises DeniedError.
        """
        risk = decision.judgement.risk
        if decision.verdict is Verdict.DENY:
            said = f"Not allowed: {decision.reason}."
            if decision.judgement.why not in decision.reason:
                said += f" The call is judged `{risk}` ({decision.judgement.why})."
            advice = f"{_NOTHING_SENT} {call.wording.denied}"
            raise DeniedError("\n".join(filter(None, (said, caution))), advice)
        read_only = self.policy.effective_mode(call.caller) is Mode.READ_ONLY
        if call.reads_only and risk is not Risk.READ and not read_only:
            said = (
                f"proxmox_api_get is for what only reads the cluster; this is judged `{risk}` "
                f"({decision.judgement.why})."
            )
            if not decision.judgement.reviewed:
                said = "Unknown path: it is not known whether it only reads the cluster, as proxmox_api_get does."
            advice = f"{_NOTHING_SENT} Use proxmox_api_call with method GET, on one place."
            raise DeniedError("\n".join(filter(None, (caution, said))), advice)
        if not call.alone and decision.verdict is Verdict.CONFIRM:
            said = f"This needs a confirmation ({decision.reason}), which is of one place at a time."
            raise DeniedError(said, f"{_NOTHING_SENT} Name the place.")

    async def confirm(
        self, action: Action, decision: Decision, call: Request, cluster: Cluster, client: Client, caution: str = ""
    ) -> str:
        """Have the call confirmed where the decision asks for it; who or what confirmed it, empty where nobody had to.

        ``caution`` is what the schema holds against the call.

        Raises ConfirmationNeededError with the way to confirm, ConfirmationError for a confirmation that is none,
        DeniedError where this client can't give the one that is asked for.
        """
        if decision.verdict is not Verdict.CONFIRM:
            return ""
        exact = ExactCall(
            caller=call.caller.name, cluster=cluster.name, method=action.method, path=action.path, data=action.data
        )
        statement = await self.statement(action, cluster)
        said = "\n".join(filter(None, (statement.text, caution)))
        by_rung = rung(self.setting, can_elicit=client.can_be_asked, person_only=decision.person_only)
        if client.answer is not None and by_rung is Rung.ELICIT:
            if not client.answer.agreed:
                await _in_thread(self.confirmations.withdraw, client.answer.token)
                raise _declined(call.wording)
            await _in_thread(self.confirmations.redeem, client.answer.token, exact, statement)
            return "person"
        if call.confirm:
            return await _in_thread(self._redeem, call.confirm, exact, statement, decision)
        match by_rung:
            case Rung.ELICIT:
                token = await _in_thread(self.confirmations.issue, exact, statement)
                if not await client.ask(f"{said}\nDo it?", token):
                    await _in_thread(self.confirmations.withdraw, token)
                    raise _declined(call.wording)
                await _in_thread(self.confirmations.redeem, token, exact, await self.statement(action, cluster))
                return "person"
            case Rung.TOKEN:
                token = await _in_thread(self.confirmations.issue, exact, statement)
                raise ConfirmationNeededError(
                    f"{said}\n{_NOTHING_SENT} This needs a confirmation ({decision.reason}).",
                    f"confirm: {token}\n{effect.HOW_TO_CONFIRM}",
                )
            case Rung.OPERATOR:
                number = await _in_thread(self.approvals.request, exact, statement)
                raise ConfirmationNeededError(
                    f"{said}\n{_NOTHING_SENT} A person must approve this ({decision.reason}).",
                    call.wording.approve.format(number=number),
                )
            case _:
                raise DeniedError(
                    f"{statement.text}\nA person must confirm this in the client, and this client can't ask.",
                    f"{_NOTHING_SENT} Use a client with elicitation, or have the operator set MCP_CONFIRM=operator.",
                )

    async def statement(self, action: Action, cluster: Cluster) -> Statement:
        """What the call would do, from the state of the cluster at this moment."""
        return effect.state(action, await subjects_of(action, cluster), self.redactor)

    def _redeem(self, given: str, exact: ExactCall, statement: Statement, decision: Decision) -> str:
        given = given.strip()
        if given.isascii() and given.isdecimal() and len(given) <= _LONGEST_NUMBER:
            return f"approved by {self.approvals.redeem(int(given), exact, statement)}"
        if self.setting is not Setting.TOKEN or decision.person_only:
            raise ConfirmationError(
                "A person must confirm this call; a token does not count.",
                f"{_NOTHING_SENT} Make the call without `confirm` to have a person asked.",
            )
        self.confirmations.redeem(given, exact, statement)
        return "token"


def _declined(wording: Wording) -> ConfirmationError:
    """Somebody said no, or nobody was there: Claude Code, run unattended, dismisses every question."""
    return ConfirmationError(wording.declined, f"{_NOTHING_SENT} {wording.after_declining}".rstrip())
