"""What servers keep of a cluster's schema, for those that are started later: with it a start takes a third of the time.

The first server of each process of pytest reads ``apidoc.js`` from the demo cluster.
"""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

_DATABASE = "cache.db"
_kept: list[Path] = []


def sow(state: Path) -> None:
    """Give a state directory what an earlier server has kept, unless it has something of its own."""
    if _kept and not state.is_file() and not (state / "schema").exists():
        shutil.copytree(_kept[0], state / "schema")


def keep(state: Path) -> None:
    """Keep for others what is in the state directory of a server that has read the schema of its node, and runs."""
    if _kept:
        return
    directory = Path(tempfile.mkdtemp(prefix="schema-of-the-demo-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    databases = (state / "schema" / _DATABASE, directory / _DATABASE)
    with closing(sqlite3.connect(databases[0])) as used, closing(sqlite3.connect(databases[1])) as copy:
        used.backup(copy)
    # After the database: a file that it names is there, and one that comes meanwhile does no harm.
    shutil.copytree(state / "schema", directory, ignore=shutil.ignore_patterns(f"{_DATABASE}*"), dirs_exist_ok=True)
    _kept.append(directory)
