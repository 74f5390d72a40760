"""Several nodes of one cluster: which to ask first, which to ask last after a failure, and why.

Any node of a cluster answers for all of it, so the one that worked last is used until it fails.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.errors import ProxmoxError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from proxmox_mcp.net.address import HostPort

FIRST_REST = 0.5
LONGEST_REST = 5.0
"""Seconds for which a node that failed is asked last: doubled at each failure, up to the second."""
_MOST_DOUBLINGS = 10
"""More than it takes to reach the longest rest. Every call counts up a node that is down for days, and 2.0 to the power
of 1,024 overflows."""
CONNECT_ALONE, CONNECT, CONNECT_RESTING = 5.0, 3.0, 1.0
"""Seconds to connect: to the only host, to one of several, to one that failed a moment ago."""
SLOW = 1.0
"""A failure that took longer is a slow one: then only one call at a time tries that host."""


class NodeState(Struct, frozen=True):
    """The state of one host: whether it is ``up`` (None: not asked yet), and the ``reason`` if it is down."""

    host: str
    up: bool | None
    reason: str = ""
    failures: int = 0
    in_use: bool = False


class State(Struct, frozen=True):
    """``in_use`` is the host that answers, empty where none does; ``reason`` says why that one.

    ``accepted``: whether Proxmox accepted the credentials at the last call (None: not asked yet); ``refusal``: why not.
    """

    in_use: str
    reason: str
    nodes: tuple[NodeState, ...]
    accepted: bool | None = None
    refusal: str = ""


class _Breaker(Struct):
    host: HostPort
    asked: bool = False
    failures: int = 0
    rests_until: float = 0.0
    error: ProxmoxError | None = None
    slow: bool = False
    probed: bool = False

    def open(self, now: float) -> bool:
        return now < self.rests_until


class Hosts:
    """The hosts of a connection with a circuit breaker each. Used from one event loop."""

    def __init__(self, hosts: Sequence[HostPort], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._breakers = {host: _Breaker(host) for host in hosts}
        self._preferred = hosts[0]
        self._clock = clock
        self._why = "it is the first of PROXMOX_HOST"

    def attempts(self) -> Generator[tuple[HostPort, float], None, None]:
        """Hosts in the order to ask them for one call, each with the seconds that it has to connect.

        First those that are ready; then those that rest, since one may have come back: a host that refuses at once
        costs nothing, and a silent one is tried by one call at a time.
        """
        connect = CONNECT if len(self._breakers) > 1 else CONNECT_ALONE
        ready = self.ready()
        for host in ready:
            yield host, connect
        for breaker in self._breakers.values():
            if breaker.host in ready or breaker.probed:
                continue
            breaker.probed = breaker.slow
            try:
                yield breaker.host, CONNECT_RESTING
            finally:
                breaker.probed = False

    def ready(self) -> list[HostPort]:
        """The host in use, then those that did not fail, then those whose rest is over."""
        now = self._clock()
        ready = [b for b in self._breakers.values() if not b.open(now)]
        ready.sort(key=lambda b: (b.failures > 0, b.host != self._preferred))
        return [b.host for b in ready]

    def worked(self, host: HostPort) -> None:
        """The host answered, with a success or a refusal."""
        breaker = self._breakers[host]
        breaker.asked, breaker.failures, breaker.rests_until, breaker.error = True, 0, 0.0, None
        if host != self._preferred:
            before = self._breakers[self._preferred]
            self._why = f"{before.host} failed: {before.error.message if before.error else 'it did not answer'}"
            self._preferred = host

    def failed(self, host: HostPort, error: ProxmoxError, *, seconds: float = 0.0) -> None:
        """The host could not be reached or did not answer; it took ``seconds`` to find out."""
        breaker = self._breakers[host]
        breaker.asked, breaker.error, breaker.slow = True, error.fresh(), seconds >= SLOW
        breaker.failures += 1
        rest = min(FIRST_REST * 2 ** min(breaker.failures - 1, _MOST_DOUBLINGS), LONGEST_REST)
        breaker.rests_until = self._clock() + rest

    def nobody(self) -> ProxmoxError:
        """The error for a call that no host could take, with the reason of each."""
        known = [b.error for b in self._breakers.values() if b.error is not None]
        if len(self._breakers) == 1 and known:
            error = known[0]
            return type(error)(error.message, error.advice, status=error.status, sent=False)
        reasons = "\n".join(f"- {e.message}" for e in known)
        return UnreachableError(
            f"None of the {len(self._breakers)} hosts of PROXMOX_HOST answers:\n{reasons}",
            "The next call tries again. Run `proxmox-mcp doctor` for details.",
        )

    def state(self) -> State:
        """For metrics and the doctor."""
        nodes = tuple(
            NodeState(
                host=str(b.host),
                up=None if not b.asked else b.failures == 0,
                reason=b.error.message if b.error else "",
                failures=b.failures,
                in_use=b.host == self._preferred and b.failures == 0,
            )
            for b in self._breakers.values()
        )
        in_use = next((n.host for n in nodes if n.in_use), "")
        return State(in_use, self._why if in_use else "no host answers", nodes)
