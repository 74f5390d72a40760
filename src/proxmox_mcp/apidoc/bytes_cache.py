"""A ``diskcache`` that stores only bytes under text keys.

``diskcache`` pickles other values by default, and unpickling a file that somebody else could write runs their code.
"""

# Tested through tests/apidoc/test_store.py.

from __future__ import annotations

import re
from typing import Any

from diskcache import UNKNOWN, Cache, Disk
from diskcache.core import MODE_BINARY, MODE_RAW

_VALUE_FILE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val")


class BytesDisk(Disk):  # type: ignore[misc]  # diskcache has no types
    """Never pickles or unpickles, and reads only its own files. Raises TypeError and ValueError."""

    def put(self, key: object) -> tuple[str, bool]:
        """Convert a key for the database."""
        if not isinstance(key, str):
            raise TypeError("keys are text")
        return key, True

    def get(self, key: object, raw: int) -> str:
        """Convert a key from the database."""
        if not raw or not isinstance(key, str):
            raise ValueError("a key that this program did not write")
        return key

    def store(self, value: object, read: bool, key: object = UNKNOWN) -> Any:
        """Store bytes as ``diskcache`` does: small ones in the database, large ones in a file."""
        if not isinstance(value, bytes) or read:
            raise TypeError("values are bytes")
        return super().store(value, read, key)

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> bytes:
        """The bytes of an entry."""
        if mode == MODE_RAW and isinstance(value, bytes):
            return value
        if mode == MODE_BINARY and not read and filename and _VALUE_FILE.fullmatch(filename.replace("\\", "/")):
            fetched: bytes = super().fetch(mode, filename, value, read)
            return fetched
        raise ValueError("an entry that this program did not write")


class BytesCache(Cache):  # type: ignore[misc]  # diskcache has no types
    """A cache on a ``BytesDisk`` that closes its connection if it can't be opened."""

    def __init__(self, directory: str, *, timeout: float, size_limit: int) -> None:
        try:
            super().__init__(directory, timeout=timeout, disk=BytesDisk, size_limit=size_limit)
        except BaseException:
            self.close()
            raise
