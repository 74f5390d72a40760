"""What replicas share, in a Valkey or Redis server (6.2 or later): confirmations used once, calls counted together.

Nothing fails open: where the store can't be reached no confirmation is taken or given, and no call that would have to
be counted is made. Each says so, and the next call tries again. What is kept there are hashes and counts, no secret;
but who can write to the store can confirm calls, so it needs a password and a network of its own.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from proxmox_mcp.errors import GuardError, SettingsError
from proxmox_mcp.installation import install_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

T = TypeVar("T")

PREFIX = "proxmox-mcp"
CONNECT_SECONDS, ANSWER_SECONDS = 1.0, 2.0
_FORMS = "It takes redis://[:password@]host[:port][/number], rediss:// with TLS, or unix:///path."
_LOG = logging.getLogger("proxmox_mcp.store")


class SharedState:
    """The store behind ``MCP_STATE_URL``. Safe for threads; connects at the first use."""

    def __init__(self, url: str) -> None:
        """Raises ``SettingsError`` for an invalid URL, or where the client for it is not installed."""
        try:
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.exceptions import RedisError
            from redis.retry import Retry
        except ImportError as missing:
            raise SettingsError(
                "MCP_STATE_URL needs the client for Valkey and Redis, which is not installed.",
                f"Install it with:\n  {install_command('replicas')}",
            ) from missing
        if url.startswith("valkey"):
            url = "redis" + url.removeprefix("valkey")
        try:
            self._client: Redis = Redis.from_url(
                url,
                socket_connect_timeout=CONNECT_SECONDS,
                socket_timeout=ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
                protocol=2,
            )
        except (ValueError, TypeError, RedisError):
            raise SettingsError("MCP_STATE_URL is not the URL of a Valkey or Redis server.", _FORMS) from None
        self._failures: tuple[type[Exception], ...] = (RedisError, OSError)
        self.fault = ""

    def ask(self, do: Callable[[Redis], T]) -> T:
        """Do one thing in the store. Raises ``GuardError`` where it can't be done; the log says more than the error."""
        try:
            done = do(self._client)
        except self._failures as error:
            if not self.fault:
                _LOG.error("the state that replicas share (MCP_STATE_URL) can't be reached: %s", error)
            self.fault = f"the state that replicas share can't be reached ({type(error).__name__})"
            raise GuardError(
                self.fault, "Nothing was sent. Try again in a moment; the operator must see to MCP_STATE_URL."
            ) from error
        if self.fault:
            _LOG.info("the state that replicas share (MCP_STATE_URL) is there again")
            self.fault = ""
        return done

    def close(self) -> None:
        """Close the connections that are open; the next use opens new ones."""
        self._client.close()


class SharedConfirmations:
    """Tokens of all replicas (``confirm.ConfirmationStore``): one take of each succeeds, wherever it is made."""

    def __init__(self, state: SharedState) -> None:
        self._state = state

    def issue(self, key: str, sealed: str, seconds: float, owner: str) -> None:  # noqa: ARG002
        """Nobody has a share to keep to here: each token lasts its time, and calls in a minute are limited."""
        self._state.ask(lambda store: store.set(_confirmation(key), sealed, px=int(seconds * 1000)))

    def take(self, key: str) -> str | None:
        taken: Any = self._state.ask(lambda store: store.getdel(_confirmation(key)))
        return str(taken) if taken is not None else None


def _confirmation(key: str) -> str:
    return f"{PREFIX}:confirmation:{key}"
