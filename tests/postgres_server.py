"""A real PostgreSQL on loopback, as a process of its own, run by a user without rights: it refuses to run as root."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from patience import PATIENCE, until
from serving import free_port
from tools import lacking, program

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "a-password-of-the-database"
_DEBIAN = Path("/usr/lib/postgresql")
_USERS = ("postgres", "nobody")


def binaries() -> Path | None:
    """The directory of PostgreSQL's programs: in Debian it is outside the path."""
    versions = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if versions:
        return versions[-1].parent
    found = program("postgres")
    return Path(found).resolve().parent if found else None


@dataclass
class PostgresServer:
    """Databases that ask for a password. It can be killed and started again, with what was in them."""

    programs: Path
    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    _names: Iterator[int] = field(default_factory=count)

    def url(self, database: str, *, password: str = PASSWORD) -> str:
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """The URL of an empty database, or of a copy of another that nobody uses."""
        name = f"state_{next(self._names)}"
        self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def execute(self, database: str, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def initialize(self) -> None:
        word = self.directory / "password"
        word.write_text(PASSWORD)
        shutil.chown(word, _user())
        command = [self.programs / "initdb", "--pgdata", self._data, "--username", "postgres", "--pwfile", word]
        options = ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        self._run([*command, *options]).wait(PATIENCE)

    def start(self) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
            # In files of its own: what is in the system's shared memory outlives a server that is killed.
            "dynamic_shared_memory_type": "mmap",
            "max_connections": 100,
        }
        command = [self.programs / "postgres", "-D", self._data]
        self.process = self._run(
            [*command, *(part for item in options.items() for part in ("-c", "=".join(map(str, item))))]
        )
        until(self._answers, lambda: "PostgreSQL")

    def kill(self) -> None:
        """End all its processes at once, as a power failure would."""
        if self.process is not None:
            # Each has a session of its own: one that is left commits what it was sent before it sees its parent dead.
            for each in [self.process.pid, *_children(self.process.pid)]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
            self.process.wait(PATIENCE)
            self.process = None

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _run(self, command: list[Any]) -> subprocess.Popen[bytes]:
        who: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(_user())
            who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        return subprocess.Popen(
            command,
            cwd=self.directory,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **who,
        )

    def _answers(self) -> bool:
        import psycopg

        assert self.process
        assert self.process.poll() is None, "PostgreSQL has ended"
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _user() -> str:
    """The user that runs it."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid()).pw_name
    known = {each.pw_name for each in pwd.getpwall()}
    return next(name for name in _USERS if name in known)


def _children(parent: int) -> list[int]:
    """The processes that a process started; none where there is no /proc."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(status.parent.name))
    return found


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the length of a block; skips where it is not installed."""
    programs = binaries()
    if programs is None:
        pytest.skip(lacking("postgres"))
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    # Not below pytest's own directories: those are closed to the user that PostgreSQL runs as.
    directory = Path(tempfile.mkdtemp(prefix="proxmox-mcp-postgres-"))
    server = PostgresServer(programs, directory, free_port())
    try:
        shutil.chown(directory, _user())
        server.initialize()
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)
