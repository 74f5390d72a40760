"""The file of the audit log: lines appended as one chain (``chain``), by any number of threads and processes.

Where the chain ends is kept in a head file in the state directory. So a file that was rotated goes on in the next, and
one that was cut shows. All of an append but the sync is done under a lock on the head file.
"""

# Tested through tests/record/test_audit.py and tests/record/test_audit_chain.py.

from __future__ import annotations

import hashlib
import os
import stat
import threading
from typing import TYPE_CHECKING, NamedTuple

from proxmox_mcp.private_files import make_private_directory, open_private, sync_directory
from proxmox_mcp.record.chain import BEGIN, ChainKey, Link, Start, take_apart

try:
    import fcntl
except ImportError:
    _HAS_LOCKS = False  # Windows: there each process needs a file of its own.
else:
    _HAS_LOCKS = True

if TYPE_CHECKING:
    from pathlib import Path

HAS_PLACES = hasattr(os, "pread")
"""Windows has no call that reads or writes at a place: it takes two."""
_MOST_HEAD_BYTES = 256
_TAIL_BYTES = 1 << 20
"""How much of a file's end is looked at where it is not as the head says: more than any line is long."""


class Head(NamedTuple):
    """Where the chain ends: its last line, the key of that, and the file with its size after it."""

    link: Link
    key: str
    device: int
    inode: int
    size: int

    def is_of(self, found: os.stat_result) -> bool:
        return (self.device, self.inode) == (found.st_dev, found.st_ino)

    def written(self) -> bytes:
        """A line of one length, so that none is ever longer than the one that is written over it."""
        place = (self.device, self.inode, self.size)
        key = self.key.encode() or b"-"
        return b"%-20d %b %-8b %-20d %-20d %-20d\n" % (self.link.seq, self.link.mac.encode(), key, *place)


def head_of(path: Path, directory: Path) -> Path:
    """Where the head of an audit file is kept: a file in the state directory for each."""
    return directory / f"audit-{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}.head"


def read_head(path: Path) -> Head | None:
    """The head in a file; None if the file is missing or can't be understood. Raises OSError."""
    try:
        return _parsed(path.read_bytes())
    except FileNotFoundError:
        return None


def _parsed(written: bytes) -> Head | None:
    try:
        seq, mac, key, device, inode, size = written.decode("ascii").split()
        return Head(Link(int(seq), mac), "" if key == "-" else key, int(device), int(inode), int(size))
    except ValueError:
        return None


class AuditFile:
    """A file of mode 0600 that may be moved away at any time (logrotate): the next line opens a new one."""

    def __init__(self, path: Path, head: Path, key: ChainKey) -> None:
        self.path, self.head = path, head
        self._name, self._key = str(path), key
        self._lock = threading.Lock()
        self._file: int | None = None
        self._opened = (0, 0)
        """Device and inode of the open file."""
        self._head_file: int | None = None
        self._written = b""
        self._known: Head | None = None
        """The head as it was last written, and what that means: it is taken apart again only if another wrote it."""

    def append(self, content: str, *, sync: bool) -> bytes:
        """Append a JSON object as a line of the chain, and give the line. ``sync``: it is on the disk by then.

        Raises OSError.
        """
        with self._lock:
            if self._head_file is None:
                self._head_file = self._open_head()
            _lock(self._head_file)
            try:
                file, line = self._append_alone(self._head_file, content)
            finally:
                _unlock(self._head_file)
            synced = os.dup(file) if sync else None
        if synced is not None:
            try:
                os.fsync(synced)
            finally:
                os.close(synced)
        return line

    def _append_alone(self, head_file: int, content: str) -> tuple[int, bytes]:
        """The file that was written to, and the line; nobody else writes meanwhile."""
        file, found = self._current()
        head = self._read_head(head_file)
        if head is not None and self._fits(head, found):
            before, after, start = b"", head.link, None
        else:
            before, after, start = _Continuation(self.path, self._key).of(head, found)
        line, link = self._key.seal(content, after, start)
        payload = before + line
        done = os.write(file, payload)
        if done < len(payload):
            raise OSError(f"{done} of {len(payload)} bytes written")
        self._write_head(head_file, Head(link, self._key.id, found.st_dev, found.st_ino, found.st_size + done))
        return file, line

    def close(self) -> None:
        with self._lock:
            for handle in (self._file, self._head_file):
                if handle is not None:
                    os.close(handle)
            self._file = self._head_file = None

    def _open_head(self) -> int:
        self._current()  # Raises where the audit file itself is at fault, which is said first.
        try:
            make_private_directory(self.head.parent)
            return open_private(self.head, os.O_RDWR)
        except OSError as error:
            raise OSError(error.errno, f"the state directory can't be used: {error.strerror}") from error

    def _current(self) -> tuple[int, os.stat_result]:
        """The file that the path names now, and how it is."""
        if self._file is not None:
            try:
                named = os.stat(self._name)  # noqa: PTH116 - Path.stat takes 1 µs more, for each line
            except FileNotFoundError:
                pass
            else:
                if (named.st_dev, named.st_ino) == self._opened:
                    return self._file, named
            os.close(self._file)
            self._file = None
        self._file = open_private(self.path, os.O_WRONLY | os.O_APPEND)
        sync_directory(self.path.parent)
        found = os.fstat(self._file)
        self._opened = (found.st_dev, found.st_ino)
        return self._file, found

    def _fits(self, head: Head, found: os.stat_result) -> bool:
        """Whether the file ends where the chain does. A pipe or a device has no size to compare."""
        at_its_end = head.is_of(found) and head.size == found.st_size
        return head.key == self._key.id and (at_its_end or not stat.S_ISREG(found.st_mode))

    def _read_head(self, file: int) -> Head | None:
        written = _read_start(file, _MOST_HEAD_BYTES)
        if written != self._written:
            self._written, self._known = written, _parsed(written)
        return self._known

    def _write_head(self, file: int, head: Head) -> None:
        self._written, self._known = head.written(), head
        if _write_start(file, self._written) < len(self._written):
            raise OSError("the end of the chain was not written")


class _Continuation:
    """How the next line goes on where the file does not end where the chain does, or where the key has changed."""

    def __init__(self, path: Path, key: ChainKey) -> None:
        self._path, self._key = path, key

    def of(self, head: Head | None, found: os.stat_result) -> tuple[bytes, Link, Start | None]:
        """What ends the line before, if that is torn; the link to go on after; and what the next line says of it."""
        regular = stat.S_ISREG(found.st_mode)
        if head is None:
            tail = _Tail.of(self._path, found.st_size if regular else 0)
            return self._said("head missing" if tail.link else "begun", tail.link or BEGIN, _Loose(tail.rest))
        why = "" if head.key == self._key.id else "new key"
        if not regular:
            return self._said(why, head.link, _Loose())
        if not head.is_of(found):
            tail = _Tail.of(self._path, found.st_size)
            moved = tail.link == head.link and not tail.rest
            return self._said(why if moved else "new file", head.link, _Loose(tail.rest))
        if found.st_size < head.size:
            return self._said("cut", head.link, _Loose(_Tail.of(self._path, found.st_size).rest))
        link, loose = self._after(head)
        return self._said("torn" if loose.size else why, link, loose)

    def _after(self, head: Head) -> tuple[Link, _Loose]:
        """What follows the end of the chain. Whole lines, whose writer was killed before it wrote the head, belong to
        it; the rest does not, such as a line that a full disk or a crash has torn."""
        link, loose = head.link, _Loose()
        with self._path.open("rb") as file:
            file.seek(head.size)
            while line := file.readline(_TAIL_BYTES):
                apart = take_apart(line[:-1])
                expected = Link(link.seq + 1, self._key.mac(link.mac, apart.sealed)) if apart else None
                if apart and apart.link == expected and not loose.size:
                    link = apart.link
                else:
                    loose.add(line)
        return link, loose

    @staticmethod
    def _said(why: str, link: Link, loose: _Loose) -> tuple[bytes, Link, Start | None]:
        end = loose.line_end()
        return end, link, Start(why, loose.size, loose.digest) if why else None


class _Loose:
    """Bytes between two lines of the chain that are not of it."""

    def __init__(self, start: bytes = b"") -> None:
        self._digest, self._last = hashlib.sha256(start), start[-1:]
        self.size = len(start)

    def add(self, more: bytes) -> None:
        self._digest.update(more)
        self._last = more[-1:]
        self.size += len(more)

    def line_end(self) -> bytes:
        """A line end if they have none, which then counts as one of them."""
        if not self.size or self._last == b"\n":
            return b""
        self.add(b"\n")
        return b"\n"

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


class _Tail(NamedTuple):
    """The end of a file: what comes after its last line end, and the link of its last whole line, if it has one."""

    rest: bytes
    link: Link | None = None

    @classmethod
    def of(cls, path: Path, size: int) -> _Tail:
        if not size:
            return cls(b"")
        with path.open("rb") as file:
            file.seek(max(0, size - _TAIL_BYTES))
            *before, rest = file.read().rsplit(b"\n", 1)
        last = before[0].rpartition(b"\n")[2] if before else b""
        apart = take_apart(last)
        return cls(rest, apart.link if apart else None)


def _read_start(file: int, most: int) -> bytes:
    """The first bytes of a file, wherever it was read or written last."""
    if HAS_PLACES:
        return os.pread(file, most, 0)
    os.lseek(file, 0, os.SEEK_SET)
    return os.read(file, most)


def _write_start(file: int, content: bytes) -> int:
    """Write over the first bytes of a file; how many were written."""
    if HAS_PLACES:
        return os.pwrite(file, content, 0)
    os.lseek(file, 0, os.SEEK_SET)
    return os.write(file, content)


def _lock(file: int) -> None:
    """Wait for the lock of a file that other processes have open too."""
    if _HAS_LOCKS:
        fcntl.flock(file, fcntl.LOCK_EX)


def _unlock(file: int) -> None:
    if _HAS_LOCKS:
        fcntl.flock(file, fcntl.LOCK_UN)
