"""The store as tests get it: each test that asks for ``open_store`` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest

from postgres_server import PostgresServer, postgres_server
from proxmox_mcp.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for all tests of a process. A test that kills it starts it again."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def new_database(postgres: PostgresServer) -> Callable[[], str]:
    """Makes databases with the tables of a new store: a copy of them takes a quarter of the time."""
    url = postgres.new_database()
    with closing(Store.at_url(url)) as store, store.transaction():
        pass
    return partial(postgres.new_database, template=url.rpartition("/")[2])


@pytest.fixture(params=["sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the store of this test. Each call gives another handle on the same state, as another process has it."""
    opened: list[Store] = []
    url = request.getfixturevalue("new_database")() if request.param == "postgres" else ""

    def open_one() -> Store:
        opened.append(Store.at_url(url) if url else Store.in_directory(tmp_path / "state"))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


def without_a_place_for_secrets(directory: Path) -> None:
    """Take the table of secrets out of a store in a directory; all else in it still works."""
    with closing(sqlite3.connect(directory / "state.sqlite")) as database:
        database.execute("ALTER TABLE secrets RENAME TO elsewhere")
