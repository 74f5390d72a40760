from __future__ import annotations

from proxmox_mcp.gateway.request import NO_CLIENT
from proxmox_mcp.gateway.task_wait import WAIT_WITH_PROGRESS, WAIT_WITHOUT, patience


class Watching:
    """A client that wants progress."""

    follows_progress = True


def test_patience_is_the_callers_then_the_settings_then_by_who_listens() -> None:
    assert patience(12, 99, NO_CLIENT) == 12
    assert patience(0, 99, NO_CLIENT) == 0
    assert patience(-5, 99, NO_CLIENT) == 0
    assert patience(None, 99, NO_CLIENT) == 99
    assert patience(None, 0, NO_CLIENT) == WAIT_WITHOUT == 50
    assert patience(None, 0, Watching()) == WAIT_WITH_PROGRESS == 300  # type: ignore[arg-type]
