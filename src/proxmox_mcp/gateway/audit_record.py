"""What the audit holds of one call, from the moment it comes in: filled in step by step, closed in any case."""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from proxmox_mcp.errors import AuditError, ConfirmationNeededError, ProxmoxMcpError
from proxmox_mcp.record.audit import LOGGER, AuditCall, AuditLog, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxmox_mcp.gateway.request import Request
    from proxmox_mcp.policy.policy import Decision
    from proxmox_mcp.policy.targets import Action

_LOG = logging.getLogger(LOGGER)
_LONGEST_METHOD = 20


class Trail:
    """The record of one call: as it was asked for at first, then as it was resolved.

    Its parameters are on record once its endpoint is known, which tells the secrets among them.
    """

    def __init__(self, log: AuditLog, call: Request, method: str, path: str, cluster: str) -> None:
        self._log = log
        self._started = time.monotonic()
        self.upid = ""
        self.success = "ok"
        self._handed_over = False
        self.record = AuditCall(
            id=call.id,
            caller=call.caller.name,
            client=call.client,
            cluster=cluster,
            tool=call.tool,
            method=method[:_LONGEST_METHOD],
            path=path.partition("?")[0],
        )

    def resolved(self, action: Action) -> None:
        self.record = replace(
            self.record,
            path=action.path,
            template=action.template,
            data=action.data,
            risk=str(action.judgement.risk),
        )

    def decided(self, decision: Decision) -> None:
        rule = decision.rule.where if decision.rule else decision.reason
        self.record = replace(self.record, decision=str(decision.verdict), rule=rule)

    def confirmed(self, by: str) -> None:
        self.record = replace(self.record, confirmation=by)

    def rehearsed(self) -> None:
        """Nothing is sent, whatever was decided."""
        self.success = "dry-run"

    def hand_over(self) -> None:
        """What comes of it is on record by itself: each place of a call has a trail of its own."""
        self._handed_over = True

    async def before_sending(self) -> None:
        """Put a write on record before it is sent. Raises AuditError: then it must not be sent."""
        if self.record.method == "GET":
            return
        try:
            await anyio.to_thread.run_sync(self._log.intent, self.record)
        except AuditError as error:
            raise AuditError(error.message, f"Nothing was sent. {error.advice}") from error

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[Trail]:
        """Around the call: whatever becomes of it, a line of outcome is written."""
        result, message = "cancelled", ""
        try:
            yield self
        except ConfirmationNeededError:
            result = "unconfirmed"
            raise
        except ProxmoxMcpError as error:
            result, message = error.code, error.message
            raise
        except Exception as error:
            result, message = "internal", type(error).__name__
            raise
        else:
            result = self.success
        finally:
            self._close(result, message)

    def _close(self, result: str, message: str) -> None:
        if self._handed_over:
            return
        seconds = time.monotonic() - self._started
        try:
            self._log.outcome(self.record, Outcome(result=result, seconds=seconds, upid=self.upid, message=message))
        except AuditError as error:
            # A write stands on record by its intent; what has happened can't be called back for want of a line.
            _LOG.error("the outcome of %s %s was not recorded: %s", self.record.method, self.record.path, error)
