"""The one store of durable state, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import logging
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from example_counts import share_of
from patience import PATIENCE
from postgres_server import PASSWORD
from proxmox_mcp.errors import ConfirmationError, SettingsError, StoreError
from proxmox_mcp.store import Store, databases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postgres_server import PostgresServer

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def new_database(postgres: PostgresServer) -> Callable[[], str]:
    """Empty ones, in place of those with tables: how a store is made is tested here."""
    return postgres.new_database


def keep(store: Store, value: str = "x") -> int:
    with store.transaction() as db:
        return db.insert(db.tables.secrets, created=1.0, caller="ops", call="POST /x", name="value", value=value)


def values(store: Store) -> list[str]:
    with store.reading() as db:
        table = db.tables.secrets
        return [row["value"] for row in db.rows(table.select().order_by(table.c.number))]


def test_what_one_process_has_written_another_reads(open_store: Callable[[], Store]) -> None:
    assert keep(open_store(), "first") == 1
    assert keep(open_store(), "second") == 2
    assert values(open_store()) == ["first", "second"]


def test_an_exception_in_the_block_undoes_it_and_passes(store: Store) -> None:
    keep(store, "before")

    def fail() -> None:
        with store.transaction() as db:
            db.execute(db.tables.secrets.delete())
            raise ConfirmationError("refused")

    with pytest.raises(ConfirmationError, match="refused"):
        fail()
    assert values(store) == ["before"]
    assert store.fault == ""


def test_a_number_is_never_given_twice(store: Store) -> None:
    first = keep(store)
    with store.transaction() as db:
        db.execute(db.tables.secrets.delete())
    assert keep(store) > first


def test_what_a_block_has_read_is_still_true_when_it_writes(open_store: Callable[[], Store]) -> None:
    number = keep(open_store(), "0")

    def count_up(store: Store) -> None:
        for _ in range(10):
            with store.transaction() as db:
                table = db.tables.secrets
                row = db.row(table.select().where(table.c.number == number))
                assert row
                db.execute(table.update().where(table.c.number == number).values(value=str(int(row["value"]) + 1)))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count_up, [open_store() for _ in range(4)]))
    assert values(open_store()) == ["40"]


def test_a_reader_sees_one_moment_and_waits_for_no_writer(open_store: Callable[[], Store]) -> None:
    one, other = open_store(), open_store()
    keep(one, "before")
    with one.reading() as db:
        assert len(db.rows(db.tables.secrets.select())) == 1
        with other.transaction() as writing:
            writing.execute(writing.tables.secrets.delete())
            assert values(one) == ["before"]
        assert len(db.rows(db.tables.secrets.select())) == 1
    assert values(one) == []


def test_a_reader_can_not_write(store: Store) -> None:
    keep(store)

    def write() -> None:
        with store.reading() as db:
            db.execute(db.tables.secrets.delete())

    with pytest.raises(StoreError, match="can't be used"):
        write()
    assert values(store) == ["x"]
    keep(store)


def test_who_waits_too_long_for_the_writer_is_told_so(
    open_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_store(), open_store()
    keep(one)
    with one.transaction(), monkeypatch.context() as short:
        # Only for the one that waits: PostgreSQL ends a holder that is idle for twice as long.
        short.setattr(databases, "BUSY_SECONDS", 0.05)
        with pytest.raises(StoreError, match=r"can't be used: (database is locked|another transaction)"):
            keep(other)
    keep(other)
    assert other.fault == ""


def test_many_that_open_a_new_store_at_once_make_it_once(open_store: Callable[[], Store]) -> None:
    stores = [open_store() for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(keep, stores)) == list(range(1, 9))


@settings(max_examples=share_of(25), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=st.text(st.characters(exclude_categories=[])), data=ANY_JSON)
def test_any_text_and_any_json_is_held(store: Store, text: str, data: Any) -> None:
    with store.transaction() as db:
        number = db.insert(db.tables.activity, time=0.0, path=text, data=data)
        row = db.row(db.tables.activity.select().where(db.tables.activity.c.number == number))
    assert row
    assert row["data"] == data
    storable = "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)
    assert row["path"] == storable


@pytest.mark.anyio
async def test_work_in_a_thread_leaves_the_event_loop_free(store: Store) -> None:
    goes_on = threading.Event()

    def work() -> int:
        assert goes_on.wait(PATIENCE)
        return keep(store)

    async with anyio.create_task_group() as group:

        async def use() -> None:
            assert await store.in_thread(work) == 1

        group.start_soon(use)
        await anyio.lowlevel.checkpoint()
        goes_on.set()


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(open_store: Callable[[], Store]) -> None:
    store = open_store()
    keep(store)
    with store.transaction() as db:
        from sqlalchemy import text

        db.execute(text("UPDATE store_version SET version = 99"))
    with pytest.raises(StoreError, match="made by a newer version of proxmox-mcp") as refused:
        keep(open_store())
    assert "Upgrade proxmox-mcp" in refused.value.advice
    with pytest.raises(StoreError):
        values(open_store())


def test_an_older_store_takes_the_steps_after_its_version_once(
    open_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import Connection, text

    from proxmox_mcp.store import migrations

    def add_a_column(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE secrets ADD COLUMN color TEXT NOT NULL DEFAULT 'blue'"))

    def paint(connection: Connection) -> None:
        connection.execute(text("UPDATE secrets SET color = color || 'green'"))

    keep(open_store())
    monkeypatch.setattr(migrations, "STEPS", (add_a_column, paint))
    for _ in range(2):
        with open_store().reading() as db:
            assert db.rows(text("SELECT color, value FROM secrets")) == [{"color": "bluegreen", "value": "x"}]
            assert db.rows(text("SELECT version FROM store_version")) == [{"version": 3}]


def test_a_step_that_fails_leaves_the_store_as_it_was(
    open_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import Connection, text

    from proxmox_mcp.store import migrations

    def half(connection: Connection) -> None:
        connection.execute(text("DELETE FROM secrets"))
        connection.execute(text("ALTER TABLE missing ADD COLUMN x TEXT"))

    keep(open_store())
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "STEPS", (half,))
        with pytest.raises(StoreError, match="can't be used"):
            values(open_store())
    assert values(open_store()) == ["x"]


class TestFile:
    def test_file_and_directory_are_for_their_owner_only(self, tmp_path: Path) -> None:
        directory = tmp_path / "not" / "yet"
        store = Store.in_directory(directory)
        keep(store)
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()}
        assert set(files.values()) == {0o600}
        assert "state.sqlite-wal" in files

    def test_a_file_that_can_not_be_used_is_named_for_the_operator_and_not_for_callers(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="can't be used") as refused:
            keep(Store.in_directory(tmp_path / "file"))
        assert str(tmp_path) not in str(refused.value)
        assert refused.value.__notes__ == [str(tmp_path / "file" / "state.sqlite")]
        assert str(tmp_path / "file" / "state.sqlite") in caplog.text

    def test_a_link_in_its_place_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "state.sqlite").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match="can't be used"):
            keep(Store.in_directory(tmp_path))
        assert not (tmp_path / "elsewhere").exists()

    def test_what_is_on_the_disk_is_synced_and_deleted_rows_are_overwritten(self, tmp_path: Path) -> None:
        from sqlalchemy import text

        with Store.in_directory(tmp_path).reading() as db:
            found = {name: db.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("synchronous", "secure_delete")}
        assert found == {"synchronous": 2, "secure_delete": 1}

    def test_garbage_in_its_place_is_an_error_until_it_is_removed(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        file = tmp_path / "state.sqlite"
        file.write_bytes(b"not a database, but long enough to be read as the header of one" * 20)
        store = Store.in_directory(tmp_path)
        for _ in range(2):
            with pytest.raises(StoreError, match=r"the state file state.sqlite can't be used: file is not a database"):
                keep(store)
        assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
        file.unlink()
        keep(store)
        assert store.fault == ""

    def test_a_file_put_in_its_place_is_the_one_in_use(self, tmp_path: Path) -> None:
        running, restored = Store.in_directory(tmp_path / "state"), Store.in_directory(tmp_path / "backup")
        keep(running, "old")
        keep(restored, "restored")
        restored.close()
        for file in (tmp_path / "state").iterdir():
            file.unlink()
        (tmp_path / "backup" / "state.sqlite").rename(tmp_path / "state" / "state.sqlite")
        assert values(running) == ["restored"]

    def test_a_writer_that_is_killed_leaves_all_or_nothing(self, tmp_path: Path) -> None:
        code = (
            "import os, sys, signal; from pathlib import Path; from proxmox_mcp.store import Store\n"
            "store = Store.in_directory(Path(sys.argv[1]))\n"
            "for ends in (False, True):\n"
            "    with store.transaction() as db:\n"
            "        for _ in range(3):\n"
            "            db.insert(db.tables.secrets, created=0, caller='', call='', name='', value='x')\n"
            "        if ends: os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=PATIENCE)
        assert ended.returncode != 0
        assert values(Store.in_directory(tmp_path)) == ["x"] * 3


class TestDatabase:
    @pytest.mark.parametrize("url", ["mysql://u:p@h/d", "postgresql://h", "x", "postgresql://[/d", "sqlite:///x"])
    def test_another_url_is_a_wrong_setting_and_not_repeated(self, url: str) -> None:
        with pytest.raises(SettingsError, match="MCP_DATABASE_URL is not the URL of a PostgreSQL database") as refused:
            Store.at_url(url)
        assert url not in refused.value.message

    def test_a_missing_client_is_a_wrong_setting_with_its_cure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("proxmox_mcp.store.store.find_spec", lambda _: None)
        with pytest.raises(SettingsError, match="which is not installed") as refused:
            Store.at_url("postgresql://h/d")
        assert "postgres" in refused.value.advice

    def test_no_error_names_the_password_or_the_address(self, postgres: PostgresServer) -> None:
        for url in (
            postgres.url("missing"),
            postgres.url("postgres", password="wr0ng-w0rd"),
            "postgresql://u:wr0ng-w0rd@127.0.0.1:1/d",
        ):
            with pytest.raises(StoreError, match=r"MCP_DATABASE_URL\) can't be used: no connection") as refused:
                keep(Store.at_url(url))
            for secret in (PASSWORD, "wr0ng-w0rd", "127.0.0.1"):
                assert secret not in str(refused.value)

    def test_a_database_of_another_encoding_is_refused_with_the_way_to_make_one(self, postgres: PostgresServer) -> None:
        postgres.execute("postgres", "CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0")
        with pytest.raises(StoreError, match="encoding SQL_ASCII") as refused:
            keep(Store.at_url(postgres.url("bytes")))
        assert "createdb --encoding UTF8" in refused.value.advice

    @pytest.mark.slow
    def test_a_database_killed_in_the_middle_commits_nothing_and_is_used_again_when_it_is_back(
        self, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = Store.at_url(postgres.new_database())
        keep(store, "before")

        def killed() -> None:
            with store.transaction() as db:
                db.execute(db.tables.secrets.delete())
                postgres.kill()

        with pytest.raises(StoreError, match="can't be used: no connection"):
            killed()
        with pytest.raises(StoreError, match="can't be used: no connection"):
            values(store)
        assert "no connection" in store.fault
        assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
        postgres.start()
        assert values(store) == ["before"]
        assert store.fault == ""
        assert PASSWORD not in caplog.text


def test_a_server_that_lists_its_tools_does_not_load_the_database_library(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from proxmox_mcp.assembly import gateway_of\n"
        "from proxmox_mcp.settings import load_settings\n"
        "import proxmox_mcp.app.serving, proxmox_mcp.cli.approvals, proxmox_mcp.server.mcp_server\n"
        "import proxmox_mcp.server.stdio, proxmox_mcp.server.tools\n"
        "gateway_of(load_settings())\n"
        "print([name for name in ('sqlalchemy', 'psycopg') if name in sys.modules])\n"
    )
    environment = {
        "PROXMOX_HOST": "127.0.0.1:1",
        "PROXMOX_USER": "a@pve",
        "PROXMOX_PASSWORD": "x",
        "MCP_CACHE_DIR": str(tmp_path),
        "MCP_DATABASE_URL": "postgresql://127.0.0.1:1/d",
    }
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment, timeout=PATIENCE
    )
    assert json.loads(ran.stdout) == []


class TestEarlierFiles:
    """Approvals and secrets as they were kept before there was a store."""

    @pytest.fixture
    def cache(self, tmp_path: Path) -> Path:
        cache = tmp_path / "cache"
        cache.mkdir()
        with sqlite3.connect(cache / "secrets.sqlite") as file:
            file.execute(
                "CREATE TABLE secret (number INTEGER PRIMARY KEY AUTOINCREMENT, created REAL NOT NULL, "
                "caller TEXT NOT NULL, call TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL)"
            )
            file.execute("INSERT INTO secret VALUES (7, 5.5, 'ops', 'POST /x', 'value', 'kept')")
        file.close()
        with sqlite3.connect(cache / "approvals.sqlite") as file:
            file.execute(
                "CREATE TABLE approval (number INTEGER PRIMARY KEY AUTOINCREMENT, created REAL NOT NULL, decided REAL, "
                "state TEXT NOT NULL, caller TEXT NOT NULL, cluster TEXT NOT NULL, method TEXT NOT NULL, "
                "path TEXT NOT NULL, statement TEXT NOT NULL, binding TEXT NOT NULL, fingerprint TEXT NOT NULL, "
                "decided_by TEXT NOT NULL DEFAULT '')"
            )
            file.execute(
                "INSERT INTO approval VALUES "
                "(3, 1.5, NULL, 'pending', 'ops', '', 'DELETE', '/x', 'deletes', 'b', 'f', '')"
            )
        file.close()
        return cache

    @pytest.fixture(params=["sqlite", "postgres"])
    def reopen(self, request: pytest.FixtureRequest, tmp_path: Path, cache: Path) -> Callable[[], Store]:
        if request.param == "sqlite":
            return lambda: Store.in_directory(tmp_path / "state", earlier=(cache,))
        url = request.getfixturevalue("postgres").new_database()
        return lambda: Store.at_url(url, earlier=(cache,))

    def test_they_are_taken_over_once_with_their_numbers(self, reopen: Callable[[], Store], cache: Path) -> None:
        store = reopen()
        with store.reading() as db:
            [approval] = db.rows(db.tables.approvals.select())
            [secret] = db.rows(db.tables.secrets.select())
        assert (approval["number"], approval["state"], approval["statement"]) == (3, "pending", "deletes")
        assert (secret["number"], secret["value"], secret["created"]) == (7, "kept", 5.5)
        assert list(cache.iterdir()) == []
        assert keep(store) == 8
        assert len(values(reopen())) == 2

    def test_a_store_in_use_takes_nothing_over(self, reopen: Callable[[], Store], cache: Path) -> None:
        kept = (cache / "secrets.sqlite").read_bytes()
        values(reopen())
        (cache / "secrets.sqlite").write_bytes(kept)
        assert values(reopen()) == ["kept"]
        assert (cache / "secrets.sqlite").exists()

    def test_one_that_can_not_be_read_is_left_and_named(
        self, reopen: Callable[[], Store], cache: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (cache / "secrets.sqlite").write_bytes(b"garbage" * 1000)
        assert values(reopen()) == []
        assert "secrets.sqlite was not taken over" in caplog.text
        assert [file.name for file in cache.iterdir()] == ["secrets.sqlite"]
