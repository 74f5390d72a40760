"""Links that sign in and sessions: for whom, how often, how long, and how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.store import Store
from proxmox_mcp.web import Person, Role, Sessions
from proxmox_mcp.web.sessions import IDLE_SECONDS, LINK_SECONDS, SESSION_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from clock import Clock

LENA = Person("lena", Role.OPERATOR)
SITE = "http://console.example.org:8010"


@pytest.fixture
def sessions(tmp_path: Path, clock: Clock) -> Sessions:
    return Sessions(Store.in_directory(tmp_path), clock)


def test_a_link_signs_in_once(sessions: Sessions) -> None:
    token = sessions.make_link(LENA)
    assert sessions.redeem_link(token) == LENA
    assert sessions.redeem_link(token) is None


def test_a_link_ends_after_ten_minutes(sessions: Sessions, clock: Clock) -> None:
    early, late = sessions.make_link(LENA), sessions.make_link(LENA)
    clock.now += LINK_SECONDS - 1
    assert sessions.redeem_link(early) == LENA
    clock.now += 1
    assert sessions.redeem_link(late) is None


@pytest.mark.parametrize("token", ["", "x", "x" * 100_000, "\ud800", "\0", "' OR 1=1 --"])
def test_what_is_no_token_opens_nothing(token: str, sessions: Sessions) -> None:
    sessions.make_link(LENA)
    sessions.open(LENA, origin=SITE)
    assert sessions.redeem_link(token) is None
    assert sessions.find(token) is None


def test_the_store_holds_no_token(sessions: Sessions, tmp_path: Path) -> None:
    tokens = [sessions.make_link(LENA), sessions.open(LENA, origin=SITE)]
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"lena" in kept
    assert not any(token.encode() in kept for token in tokens)


def test_a_session_ends_after_its_time_and_without_use(sessions: Sessions, clock: Clock) -> None:
    idle, used = sessions.open(LENA, origin=SITE), sessions.open(LENA, origin=SITE)
    began = clock.now
    while clock.now < began + SESSION_SECONDS:
        found = sessions.find(used)
        assert found is not None
        assert found.person == LENA
        clock.now += IDLE_SECONDS - 120
    assert sessions.find(used) is None
    assert sessions.find(idle) is None


def test_all_sessions_and_links_of_one_person_end_at_once(sessions: Sessions) -> None:
    hers = [sessions.open(LENA, origin=SITE) for _ in range(3)]
    link = sessions.make_link(LENA)
    his = sessions.open(Person("jo", Role.VIEWER), origin=SITE)
    assert sessions.end_all("lena") == 3
    assert [sessions.find(each) for each in hers] == [None] * 3
    assert sessions.redeem_link(link) is None
    assert sessions.find(his) is not None
    assert sessions.end_all() == 1
    assert sessions.find(his) is None


def test_a_person_has_a_bounded_number_of_sessions_and_the_oldest_ends_first(sessions: Sessions, clock: Clock) -> None:
    tokens = []
    for _ in range(25):
        tokens.append(sessions.open(LENA, origin=SITE))
        clock.now += 1
    alive = [sessions.find(each) is not None for each in tokens]
    assert alive == [False] * 5 + [True] * 20
    assert len(sessions.of("lena")) == 20
