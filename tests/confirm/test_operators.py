"""Whether an operator would hear of a call that waits, and where they are told to decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.confirm.operators import IDLE_SECONDS, Operators

if TYPE_CHECKING:
    from proxmox_mcp.store import Store


def open_session(store: Store, role: str, seen: float, expires: float) -> None:
    with store.transaction() as db:
        row = {"key": f"{role}{seen}", "person": "lena", "role": role, "created": seen, "agent": "", "address": ""}
        db.execute(db.tables.console_sessions.insert().values(**row, seen=seen, expires=expires))


@pytest.mark.parametrize(
    ("role", "seen", "expires", "heard"),
    [
        ("operator", 0, 10, True),
        ("admin", -IDLE_SECONDS + 1, 10, True),
        ("viewer", 0, 10, False),
        ("operator", -IDLE_SECONDS, 10, False),
        ("operator", 0, 0, False),
    ],
)
def test_an_operator_hears_of_it_who_has_the_console_open(
    role: str, seen: float, expires: float, heard: bool, store: Store
) -> None:
    now = 1_000_000.0
    operators = Operators(store=store, clock=lambda: now)
    assert not operators.can_hear()
    open_session(store, role, now + seen, now + expires)
    assert operators.can_hear() is heard
    assert Operators(store=store, notified=True).can_hear()


def test_where_to_decide_is_told_as_far_as_it_is_known(store: Store) -> None:
    known = Operators(store=store, console="https://pve.example.org/console/")
    assert known.link(7) == "https://pve.example.org/console/approvals/7"
    assert known.where(7) == (
        "at https://pve.example.org/console/approvals/7 or with `proxmox-mcp approve 7` on the server"
    )
    assert Operators(store=store).where(7) == "in the console or with `proxmox-mcp approve 7` on the server"
    assert Operators(store=store, served=False).where(7) == "with `proxmox-mcp approve 7` on the server"
    assert Operators(store=store).link(7) == ""
