"""Callers that are made in the console: their tokens, and when they stop to count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.errors import CallError, StoreError
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.stored_callers import KEPT_SECONDS, StoredCallers

if TYPE_CHECKING:
    from pathlib import Path

    from clock import Clock
    from proxmox_mcp.store import Store

pytestmark = pytest.mark.anyio


@pytest.fixture
def callers(store: Store, clock: Clock) -> StoredCallers:
    return StoredCallers(store, clock)


async def who(callers: StoredCallers, token: str) -> str:
    found = await callers.authenticate(f"Bearer {token}")
    return found.name if found else ""


async def test_a_token_is_that_of_its_caller_with_mode_and_clusters(callers: StoredCallers) -> None:
    token = callers.make("claude-anna", by="lena", owner="anna", mode=Mode.READ_ONLY, clusters=["lab"])
    found = await callers.authenticate(f"Bearer {token}")
    assert found is not None
    assert found.owner == "anna"
    assert (found.name, found.mode, found.may_use("lab"), found.may_use("prod")) == (
        "claude-anna",
        Mode.READ_ONLY,
        True,
        False,
    )


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {}x", "Bearer \udcff"])
async def test_anything_else_is_nobody(header: str | None, callers: StoredCallers) -> None:
    token = callers.make("a", by="lena")
    assert await callers.authenticate(header.format(token) if header else header) is None


async def test_a_revoked_caller_is_nobody_at_once_and_elsewhere_soon(
    callers: StoredCallers, store: Store, clock: Clock
) -> None:
    elsewhere = StoredCallers(store, clock)
    token = callers.make("a", by="lena")
    assert await who(elsewhere, token) == "a"
    callers.revoke("a", by="jo")
    assert await who(callers, token) == ""
    clock.now += KEPT_SECONDS
    assert await who(elsewhere, token) == ""
    (listed,) = callers.listed()
    assert (listed.revoked_by, listed.is_active(clock.now)) == ("jo", False)


async def test_a_new_token_ends_the_old_one(callers: StoredCallers) -> None:
    old = callers.make("a", by="lena")
    new = callers.rotate("a")
    assert (await who(callers, old), await who(callers, new)) == ("", "a")


async def test_a_caller_expires(callers: StoredCallers, clock: Clock) -> None:
    token = callers.make("a", by="lena", expires=clock.now + 60)
    clock.now += 59
    assert await who(callers, token) == "a"
    clock.now += 1
    assert await who(callers, token) == ""


def test_names_are_those_of_callers_and_of_one_caller_each(callers: StoredCallers) -> None:
    callers.make("a", by="lena")
    for name in ("a", "file-caller", "default", "local"):
        with pytest.raises(CallError, match="There is a caller"):
            callers.make(name, by="lena", taken=["file-caller"])
    for name in ("", "console:lena", "<b>", "x" * 65, "ä"):
        with pytest.raises(CallError, match="can't be the name"):
            callers.make(name, by="lena")


def test_only_a_revoked_caller_is_removed_and_its_name_is_free_again(callers: StoredCallers) -> None:
    callers.make("a", by="lena")
    with pytest.raises(CallError, match="Revoke it first"):
        callers.remove("a")
    callers.revoke("a", by="lena")
    for act in (callers.rotate, lambda name: callers.revoke(name, by="lena")):
        with pytest.raises(CallError, match="no active caller"):
            act("a")
    callers.remove("a")
    assert callers.listed() == []
    callers.make("a", by="lena")


def test_the_store_holds_no_token(tmp_path: Path) -> None:
    from proxmox_mcp.store import Store

    token = StoredCallers(Store.in_directory(tmp_path)).make("a", by="lena")
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"lena" in kept
    assert token.encode() not in kept


async def test_while_the_store_is_away_the_last_list_counts_for_a_minute(
    callers: StoredCallers, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = callers.make("a", by="lena")

    def away() -> None:
        raise StoreError("the store is away")

    monkeypatch.setattr(store, "reading", away)
    clock.now += 50
    assert await who(callers, token) == "a"
    clock.now += 20
    assert await who(callers, token) == ""
