"""The record of one call in the audit: an intent before a write is sent, and an outcome however the call ends."""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from proxmox_mcp.errors import AuditError, ConfirmationNeededError, ProxmoxMcpError
from proxmox_mcp.record.audit import LOGGER, AuditLog, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from proxmox_mcp.policy.call import Call

_LOG = logging.getLogger(LOGGER)


class AuditRecord:
    """Holds a call as far as it got. Its parameters are recorded once its endpoint is known, which tells the secrets
    among them."""

    def __init__(self, log: AuditLog, call: Call) -> None:
        self._log, self._started = log, time.monotonic()
        self.call = call
        self.success = "ok"
        self.details: Mapping[str, Any] = {}
        """What an outcome holds beside its result, such as a command's exit code."""

    def keep(self, call: Call) -> Call:
        """The call as it is now: what the record will say."""
        self.call = call
        return call

    async def intent(self) -> None:
        """Put a write on record before it is sent. Raises AuditError: then it must not be sent."""
        if not self.call.writes:
            return
        try:
            await anyio.to_thread.run_sync(self._log.intent, self.call)
        except AuditError as error:
            raise AuditError(error.message, f"Nothing was sent. {error.advice}") from error

    def started(self, call: Call) -> Call:
        """The call as it is now: it has started its tasks, which run on."""
        self._log.started(call)
        return self.keep(call)

    @asynccontextmanager
    async def closed(self, *, only_failures: bool = False) -> AsyncIterator[AuditRecord]:
        """Around the call: however it ends, a line of outcome is written.

        ``only_failures``: not where the block succeeds, since what it made is on record itself.
        """
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
            result = "" if only_failures else self.success
        finally:
            if result:
                self._close(
                    Outcome(
                        result=result, seconds=time.monotonic() - self._started, message=message, details=self.details
                    )
                )

    def _close(self, outcome: Outcome) -> None:
        try:
            self._log.outcome(self.call, outcome)
        except AuditError as error:
            # The intent of a write is on record; what has happened can't be called back for want of a line.
            _LOG.error("the outcome of %s was not recorded: %s", self.call.name, error)
