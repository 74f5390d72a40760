"""Two servers on one PostgreSQL: what a person decides at one holds at the other, also when the database is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clients import connect
from serving import Served, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postgres_server import PostgresServer

pytestmark = pytest.mark.anyio

RESET = "/nodes/pve1/qemu/133/status/reset"
CONFIG = "/nodes/pve1/qemu/133/config"


@pytest.fixture
def both(
    on_demo: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
) -> Iterator[tuple[Served, Served]]:
    settings = {
        **on_demo,
        "MCP_CONFIRM": "operator",
        "MCP_APPROVAL_WAIT": "0",
        "MCP_DATABASE_URL": postgres.new_database(),
    }
    one, other = (tmp_path_factory.mktemp(name) for name in ("one", "other"))
    with serving(one, **settings) as first, serving(other, **settings) as second:
        for served in (first, second):
            served.wait_for("the node runs 9.1.9")
        yield first, second


async def test_an_approval_given_at_one_is_honoured_by_the_other_once(
    both: tuple[Served, Served], resets: Callable[[], int]
) -> None:
    one, other = both
    before = resets()
    async with connect(one) as here, connect(other) as there:
        number = (await here.make("POST", RESET)).text.rpartition("confirm: ")[2]
        assert f"#{number} pending" in other.run("approvals").stdout
        assert other.run("approve", number, "--yes").returncode == 0
        assert not (await there.make("POST", RESET, confirm=number)).is_error
        assert "is used" in (await here.make("POST", RESET, confirm=number)).text
    assert resets() == before + 1


async def test_a_freeze_at_one_holds_at_the_other(both: tuple[Served, Served]) -> None:
    one, other = both
    async with connect(other) as there:
        assert one.run("freeze", "--reason", "moving").returncode == 0
        refused = await there.make("PUT", CONFIG, {"description": "frozen"})
        assert "All writes are frozen by" in refused.text
        assert one.run("unfreeze").returncode == 0
        assert not (await there.make("PUT", CONFIG, {"description": "thawed"})).is_error


@pytest.mark.slow
async def test_while_the_database_is_away_nothing_is_sent_and_what_was_approved_is_sent_once_when_it_is_back(
    both: tuple[Served, Served], resets: Callable[[], int], postgres: PostgresServer
) -> None:
    one, other = both
    before = resets()
    async with connect(one) as here, connect(other) as there:
        number = (await here.make("POST", RESET)).text.rpartition("confirm: ")[2]
        assert other.run("approve", number, "--yes").returncode == 0
        postgres.kill()
        try:
            for session in (here, there):
                refused = await session.make("POST", RESET, confirm=number)
                assert refused.is_error
                assert "the state database (MCP_DATABASE_URL) can't be used: no connection" in refused.text
                assert "Nothing was sent." in refused.text
                assert not (await session.get(CONFIG, fields="name")).is_error
        finally:
            postgres.start()
        assert resets() == before
        answers = [await session.make("POST", RESET, confirm=number) for session in (there, here)]
    assert [answer.is_error for answer in answers] == [False, True]
    assert resets() == before + 1
