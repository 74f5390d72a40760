"""The cache of indexes."""

from __future__ import annotations

import os
import pickle
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from diskcache import Cache

from apidoc_documents import document, method, node
from proxmox_mcp.apidoc import EndpointIndex, parse_apidoc
from proxmox_mcp.apidoc.bytes_cache import BytesCache, BytesDisk
from proxmox_mcp.apidoc.store import IndexStore
from proxmox_mcp.errors import ApidocCacheError

if TYPE_CHECKING:
    from pathlib import Path


def index_of(version: str, path: str = "/a") -> EndpointIndex:
    return parse_apidoc(document(node(path, GET=method("list"))), version=version)


@pytest.fixture
def store(tmp_path: Path) -> IndexStore:
    return IndexStore(tmp_path / "cache")


def loaded(store: IndexStore, version: str = "") -> EndpointIndex:
    index = store.load(version)
    assert index is not None
    return index


def test_an_index_comes_back_as_it_was_saved(store: IndexStore) -> None:
    index = index_of("9.1.9")

    store.save(index)

    assert loaded(store, "9.1.9").endpoints == index.endpoints
    assert loaded(store, "9.1.9").origin == index.origin


def test_a_version_that_was_never_saved_is_not_there(store: IndexStore) -> None:
    assert store.load("9.1.9") is None
    assert store.load() is None

    store.save(index_of("9.1.9"))

    assert store.load("9.1.10") is None
    assert store.load("9.1") is None


def test_without_a_version_the_last_one_saved_is_meant(store: IndexStore) -> None:
    for version in ("9.1.9", "8.4.1", "9.1.9"):
        store.save(index_of(version))

    assert loaded(store).version == "9.1.9"


def test_the_newest_document_of_a_version_goes_before_older_ones(store: IndexStore) -> None:
    store.save(index_of("9.1.9", "/old"))
    store.save(index_of("9.1.9", "/new"))

    assert loaded(store, "9.1.9").endpoints[0].path == "/new"


def test_the_directory_is_for_its_owner_alone(store: IndexStore) -> None:
    store.save(index_of("9.1.9"))

    assert store.directory.stat().st_mode & 0o777 == 0o700


def test_what_is_stored_is_never_a_pickle(store: IndexStore) -> None:
    store.save(index_of("9.1.9"))

    with closing(sqlite3.connect(store.directory / "cache.db")) as database, database:
        modes = {mode for (mode,) in database.execute("SELECT mode FROM Cache")}
    database.close()
    assert modes <= {1, 2}  # raw, binary


class Trap:
    """A pickle that makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_in_the_cache_is_refused_and_not_run(store: IndexStore, tmp_path: Path) -> None:
    store.save(index_of("9.1.9"))
    trap = tmp_path / "sprung"
    with closing(sqlite3.connect(store.directory / "cache.db")) as database, database:
        database.execute("UPDATE Cache SET mode = 4, filename = NULL, value = ?", [pickle.dumps(Trap(trap))])
    database.close()

    with pytest.raises(ApidocCacheError, match="did not write"):
        store.load("9.1.9")
    assert not trap.exists()


def test_a_pickled_key_is_refused_and_not_run(store: IndexStore, tmp_path: Path) -> None:
    store.save(index_of("9.1.9"))
    trap = tmp_path / "sprung"
    with closing(sqlite3.connect(store.directory / "cache.db")) as database, database:
        database.execute("UPDATE Cache SET raw = 0, key = ?||rowid", [pickle.dumps(Trap(trap))])
    database.close()

    with pytest.raises(ApidocCacheError):
        store.load("9.1.9")
    assert not trap.exists()


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "ab/cd/../../../secret.val"])
def test_no_file_but_the_cache_s_own_is_read(store: IndexStore, name: str) -> None:
    store.save(index_of("9.1.9"))
    with closing(sqlite3.connect(store.directory / "cache.db")) as database, database:
        database.execute("UPDATE Cache SET mode = 2, value = NULL, filename = ?", [name])
    database.close()

    with pytest.raises(ApidocCacheError, match="did not write"):
        store.load("9.1.9")


def test_only_bytes_under_text_are_stored(tmp_path: Path) -> None:
    with Cache(str(tmp_path), disk=BytesDisk) as cache:
        with pytest.raises(TypeError, match="values are bytes"):
            cache.set("key", {"a": 1})
        with pytest.raises(TypeError, match="keys are text"):
            cache.set(("a", 1), b"")


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda entry: entry[:-5], "damaged"),
        (lambda entry: entry.replace(b'"list"', b'"lost"'), "damaged"),
        (lambda entry: b"proxmox-mcp index 0 abc\n" + entry, "another version"),
        (lambda _: b"", "another version"),
    ],
)
def test_a_damaged_entry_is_not_believed(store: IndexStore, damage: Any, why: str) -> None:
    store.save(index_of("9.1.9"))
    with Cache(str(store.directory), disk=BytesDisk) as cache:
        for key in list(cache):
            if key != "newest":
                cache.set(key, damage(cache.get(key)))

    with pytest.raises(ApidocCacheError, match=why):
        store.load("9.1.9")


@pytest.mark.parametrize("rubbish", [b"no database", b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_damaged_database_is_a_clear_error(store: IndexStore, rubbish: bytes) -> None:
    store.save(index_of("9.1.9"))
    for path in store.directory.glob("cache.db*"):
        path.unlink()
    (store.directory / "cache.db").write_bytes(rubbish)

    with pytest.raises(ApidocCacheError, match="Remove it"):
        store.load("9.1.9")
    with pytest.raises(ApidocCacheError):
        store.save(index_of("9.1.9"))


def test_the_database_of_something_else_is_a_clear_error(store: IndexStore) -> None:
    store.directory.mkdir(mode=0o700)
    with closing(sqlite3.connect(store.directory / "cache.db")) as database, database:
        database.execute("CREATE TABLE Cache (colour TEXT)")
        database.execute("CREATE TABLE Settings (colour TEXT)")
    database.close()

    with pytest.raises(ApidocCacheError):
        store.load("9.1.9")


def test_a_directory_that_others_can_write_is_refused(store: IndexStore) -> None:
    store.save(index_of("9.1.9"))
    store.directory.chmod(0o770)

    with pytest.raises(ApidocCacheError, match="written by others"):
        store.load("9.1.9")


def test_a_database_that_others_can_write_is_refused(store: IndexStore) -> None:
    store.save(index_of("9.1.9"))
    (store.directory / "cache.db").chmod(0o666)

    with pytest.raises(ApidocCacheError, match=r"cache\.db can be written by others"):
        store.load("9.1.9")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(store: IndexStore) -> None:
    store.directory.mkdir(mode=0o700)
    os.chown(store.directory, 65534, 65534)

    with pytest.raises(ApidocCacheError, match="another user"):
        store.save(index_of("9.1.9"))


def test_a_directory_that_can_not_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ApidocCacheError, match="can't be used"):
        IndexStore(tmp_path / "file" / "cache").save(index_of("9.1.9"))


def test_a_name_that_diskcache_would_expand_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApidocCacheError, match=r"\$"):
        IndexStore(tmp_path / "$HOME").save(index_of("9.1.9"))


def test_while_it_is_held_it_is_opened_once_and_used_by_this_thread_alone(
    store: IndexStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    made = BytesCache.__init__

    def watched(cache: BytesCache, *given: Any, **named: Any) -> None:
        opened.append(threading.get_ident())
        made(cache, *given, **named)

    monkeypatch.setattr(BytesCache, "__init__", watched)
    other = threading.Thread(target=lambda: store.load("9.1.9"))
    with store.held():
        store.save(index_of("9.1.9"))
        assert loaded(store).version == "9.1.9"
        store.keep("a search", b"of it")
        assert store.kept("a search") == b"of it"
        other.start()
        other.join()
    assert len(opened) == len(set(opened)) == 2
    assert loaded(store).version == "9.1.9"
    assert len(opened) == 3


def test_what_cannot_be_held_is_told_where_it_is_used_and_other_errors_stay_as_they_are(store: IndexStore) -> None:
    store.directory.write_bytes(b"no directory")
    with store.held(), pytest.raises(ApidocCacheError, match="can't be used"):
        store.load()
    store.directory.unlink()
    with pytest.raises(ValueError, match="of the caller"), store.held():
        raise ValueError("of the caller")
