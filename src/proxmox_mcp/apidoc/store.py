"""The cache of indexes: a ``diskcache`` of bytes in a directory that only this user can write.

Nothing is pickled or unpickled (``bytes_cache``), and each entry has a checksum: a damaged or planted cache file can
neither run code nor change the schema.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.snapshot import read_snapshot, write_snapshot
from proxmox_mcp.errors import ApidocCacheError, ApidocFormatError
from proxmox_mcp.private_files import make_private_directory, why_untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from diskcache import Cache

    from proxmox_mcp.apidoc.index import EndpointIndex, IndexSource

_FORMAT = b"proxmox-mcp index 1"
_NEWEST = "newest"
_KEPT = "made: "
_SIZE_LIMIT = 128 * 1024 * 1024
_LOCK_TIMEOUT = 2.0


class IndexStore:
    """Indexes kept by product, version and digest of their source.

    Each method raises ApidocCacheError if the cache can't be used: unwritable, damaged, locked, or writable by others.
    The caller continues without it and logs that.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._held = threading.local()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the cache open for several uses by this thread: ``diskcache`` takes 5 ms to open it, and writes its
        settings. Never raises: what can't be used is said where it is used."""
        with ExitStack() as stack:
            with suppress(ApidocCacheError), self._told():
                self._held.cache = stack.enter_context(self._new())
            stack.callback(self._held.__dict__.clear)
            yield

    def save(self, index: EndpointIndex) -> None:
        """Store an index atomically; it replaces one of the same version and digest."""
        key = _key(index.origin)
        with self._opened() as cache:
            cache.set(key, _entry(write_snapshot(index, prose=True)))
            cache.set(_NEWEST, key.encode())

    def load(self, version: str = "") -> EndpointIndex | None:
        """The last saved index of exactly this version; without a version, the last saved one."""
        with self._opened() as cache:
            key = _of_version(cache, version) if version else bytes(cache.get(_NEWEST, b"")).decode()
            entry = cache.get(key) if key else None
        if entry is None:
            return None
        try:
            return read_snapshot(self._data(entry), trusted=True)
        except ApidocFormatError as error:
            raise self._unusable("it is damaged") from error

    def keep(self, name: str, data: bytes) -> None:
        """Store bytes that were derived from an index (the search index) under a name."""
        with self._opened() as cache:
            cache.set(_KEPT + name, _entry(data))

    def kept(self, name: str) -> bytes:
        """The bytes that ``keep`` stored under a name; empty if there are none."""
        with self._opened() as cache:
            entry = cache.get(_KEPT + name)
        return self._data(entry) if entry is not None else b""

    def _data(self, entry: object) -> bytes:
        head, _, data = bytes(entry).partition(b"\n")  # type: ignore[call-overload]
        if not head.startswith(_FORMAT + b" "):
            raise self._unusable("it was written by another version of this program")
        if head.removeprefix(_FORMAT + b" ") != _checksum(data):
            raise self._unusable("it is damaged")
        return bytes(data)

    @contextmanager
    def _opened(self) -> Iterator[Cache]:
        held = getattr(self._held, "cache", None)
        with self._told(), nullcontext(held) if held is not None else self._new() as cache:
            yield cache

    def _new(self) -> Cache:
        from proxmox_mcp.apidoc.bytes_cache import BytesCache

        self._check_directory()
        return BytesCache(str(self.directory), timeout=_LOCK_TIMEOUT, size_limit=_SIZE_LIMIT)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Whatever is wrong with the cache as ApidocCacheError."""
        from diskcache import Timeout

        try:
            yield
        except Timeout as error:
            raise self._unusable("another process holds it") from error
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error
        except (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError) as error:
            # diskcache raises these for a file that is not a database, or the database of another program.
            raise self._unusable(f"it is damaged ({error})") from error

    def _check_directory(self) -> None:
        """Create the directory for this user only, or check that nobody else can write its files."""
        if "$" in str(self.directory):
            raise self._unusable("diskcache would expand the $ in its name")
        make_private_directory(self.directory)
        for path in (self.directory, *self.directory.glob("cache.db*")):
            if why := why_untrusted(path):
                raise self._unusable(why)

    def _unusable(self, why: str) -> ApidocCacheError:
        return ApidocCacheError(
            f"The cache {self.directory} can't be used: {why}.",
            "Remove it or choose another directory; until then the cache is not used.",
        )


def _entry(data: bytes) -> bytes:
    return b"%b %b\n%b" % (_FORMAT, _checksum(data), data)


def _key(origin: IndexSource) -> str:
    return f"{origin.product} {origin.version} {origin.digest}"


def _of_version(cache: Cache, version: str) -> str:
    """The key of the last entry of a version."""
    return next((key for key in reversed(cache) if key.split(" ")[1:2] == [version]), "")


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
