"""``diskcache`` for text as keys and bytes as values, and nothing else."""

from __future__ import annotations

import re
from typing import Any

from diskcache import UNKNOWN, Cache, Disk
from diskcache.core import MODE_BINARY, MODE_RAW

_VALUE_FILE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val")


class BytesDisk(Disk):  # type: ignore[misc]  # diskcache has no types
    """Never pickles and never unpickles, and reads no file but its own. Raises TypeError and ValueError."""

    def put(self, key: object) -> tuple[str, bool]:
        """The key as the database holds it."""
        if not isinstance(key, str):
            raise TypeError("keys are text")
        return key, True

    def get(self, key: object, raw: int) -> str:
        """The key that the database holds."""
        if not raw or not isinstance(key, str):
            raise ValueError("a key that is not ours")
        return key

    def store(self, value: object, read: bool, key: object = UNKNOWN) -> Any:
        """Bytes, as ``diskcache`` stores them: small ones in the database, large ones as a file."""
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
        raise ValueError("an entry that is not ours")


class BytesCache(Cache):  # type: ignore[misc]  # diskcache has no types
    """A cache on a ``BytesDisk`` that leaves no connection open where it can't be opened."""

    def __init__(self, directory: str, *, timeout: float, size_limit: int) -> None:
        try:
            super().__init__(directory, timeout=timeout, disk=BytesDisk, size_limit=size_limit)
        except BaseException:
            self.close()
            raise
