"""Confirmations: one-time tokens for one exact call, and by which method a call must be confirmed.

A token shows that the effect was stated to the client, not that a person agreed to it: only an elicited answer
(``ConfirmationMethod.ELICIT``) and an operator's approval (``approvals.Approvals``) come from a person.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from proxmox_mcp.errors import ConfirmationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.confirm.statement import Statement
    from proxmox_mcp.policy.call import Call

LIFETIME_SECONDS = 600
_AGAIN = "Nothing was sent. Make the call again without `confirm` to see what it would do now."


class ConfirmSetting(StrEnum):
    """``MCP_CONFIRM``: what counts as a confirmation."""

    TOKEN = "token"  # noqa: S105
    ELICIT = "elicit"
    OPERATOR = "operator"


class ConfirmationMethod(StrEnum):
    """How one call is to be confirmed. ``REFUSE``: not at all, by this client under this setting."""

    ELICIT = "elicit"
    TOKEN = "token"  # noqa: S105
    OPERATOR = "operator"
    REFUSE = "refuse"


def confirmation_method(
    setting: ConfirmSetting, *, can_elicit: bool, person_only: bool, operator_hears: Callable[[], bool]
) -> ConfirmationMethod:
    """The method for a call. ``can_elicit``: the client declared it and can be asked; ``person_only``: a rule says so;
    ``operator_hears`` is asked only where a token would do: then an operator comes first, if one would hear of it."""
    if setting is ConfirmSetting.OPERATOR:
        return ConfirmationMethod.OPERATOR
    if can_elicit:
        return ConfirmationMethod.ELICIT
    if setting is ConfirmSetting.ELICIT:
        return ConfirmationMethod.REFUSE
    return ConfirmationMethod.OPERATOR if person_only or operator_hears() else ConfirmationMethod.TOKEN


class ConfirmationStore(Protocol):
    """Where tokens wait. Both methods are atomic, so that replicas can share one; one that can't be reached raises
    ``GuardError``."""

    def issue(self, key: str, sealed: str, seconds: float, owner: str) -> None:
        """Keep ``sealed`` under ``key`` for so many seconds, on the ``owner``'s share of the store."""
        ...

    def take(self, key: str) -> str | None:
        """What is kept under ``key``, which is gone with that; None where there is nothing (any more)."""
        ...


class MemoryStore:
    """Tokens of one process, at most ``limit``: the oldest goes first, of the owner who has most."""

    def __init__(self, limit: int = 1000, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._kept: dict[str, tuple[float, str, str]] = {}
        self._of: dict[str, dict[str, None]] = {}
        self._lock = threading.Lock()

    def issue(self, key: str, sealed: str, seconds: float, owner: str) -> None:
        with self._lock:
            self._forget(key)
            self._kept[key] = (self._clock() + seconds, sealed, owner)
            self._of.setdefault(owner, {})[key] = None
            while len(self._kept) > self._limit:
                fullest = max(self._of.values(), key=len)
                self._forget(next(iter(fullest)))

    def take(self, key: str) -> str | None:
        with self._lock:
            until, sealed = self._forget(key)
        return sealed if sealed and self._clock() < until else None

    def _forget(self, key: str) -> tuple[float, str]:
        until, sealed, owner = self._kept.pop(key, (0.0, "", ""))
        if sealed:
            del self._of[owner][key]
            if not self._of[owner]:
                del self._of[owner]
        return until, sealed


class Confirmations:
    """Issues and redeems tokens. A token is kept as its hash: what the store holds confirms nothing."""

    def __init__(self, store: ConfirmationStore, lifetime: float = LIFETIME_SECONDS) -> None:
        self._store, self._lifetime = store, lifetime

    def issue(self, call: Call, statement: Statement) -> str:
        """A token for this call, on what the statement identifies."""
        token = secrets.token_urlsafe(16)
        sealed = json.dumps([call.digest(), statement.fingerprint()])
        self._store.issue(_key(token), sealed, self._lifetime, call.caller.name)
        return token

    def withdraw(self, token: str) -> None:
        """Take a token back: somebody said no to what it would have confirmed."""
        self._store.take(_key(token))

    def redeem(self, token: str, call: Call, statement: Statement) -> None:
        """Use a token up for this call. ``statement`` is read again, at this moment.

        Raises ``ConfirmationError`` where it is unknown, used, expired, for another call, or where what would be hit
        is not what it was. In each case the token is gone.
        """
        sealed = self._store.take(_key(token))
        if sealed is None:
            raise ConfirmationError(
                "this confirmation is unknown, was used before, or is older than 10 minutes", _AGAIN
            )
        expected, fingerprint = json.loads(sealed)
        if not hmac.compare_digest(expected, call.digest()):
            raise ConfirmationError("this confirmation was given for another call, or with other data", _AGAIN)
        if not hmac.compare_digest(fingerprint, statement.fingerprint()):
            raise ConfirmationError(f"what this call would hit has changed since. Now: {statement.text}", _AGAIN)


def _key(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
