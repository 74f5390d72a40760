"""Who counts what the gateway does: told of decisions, tasks and exchanges as they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.proxmox.client import Exchange
    from proxmox_mcp.proxmox.tasks import TaskOutcome


class Observer(Protocol):
    """Must not raise, and must not take long."""

    def exchanges(self, cluster: str) -> Callable[[Exchange], None] | None:
        """Who is told of each exchange with a cluster."""
        ...

    def decided(self, call: Call) -> None:
        """The policy decided on a call."""
        ...

    def followed(self, cluster: str, outcome: TaskOutcome) -> None:
        """A task that a call started has ended, or was let run on."""
        ...


class Nobody:
    """Counts nothing."""

    def exchanges(self, cluster: str) -> None:  # noqa: ARG002
        return None

    def decided(self, call: Call) -> None:
        """Nobody counts."""

    def followed(self, cluster: str, outcome: TaskOutcome) -> None:
        """Nobody counts."""


NOBODY = Nobody()
