"""Verifies audit files: finds the first line that was altered, removed, inserted or moved (``chain``).

Lines before the chain begins, of an older version, are passed by. What a crash or a full disk left torn is covered by
the line that follows it, which has its digest.
"""

# Tested through tests/record/test_audit_chain.py.

from __future__ import annotations

import gzip
import hashlib
import json
from typing import IO, TYPE_CHECKING, Any

from msgspec import Struct, field

from proxmox_mcp.errors import AuditError
from proxmox_mcp.record.chain import BEGIN, NO_KEY, START, ChainKey, Link, Sealed, take_apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from proxmox_mcp.record.audit_file import Head


_START = f'"{START}": {{'.encode()


class ChainFault(Struct, frozen=True):
    """The first bad line: ``line`` counts from 1, 0 for what is missing at the end."""

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.what}" if self.line else f"{self.path}: {self.what}"


class ChainReport(Struct):
    """What was found. ``first`` and ``last`` are numbers of the chain, ``older`` counts lines from before it."""

    first: int = 0
    last: int = 0
    older: int = 0
    notes: list[str] = field(default_factory=list)
    fault: ChainFault | None = None


class _BrokenError(Exception):
    """Ends the verification at the first bad line."""

    def __init__(self, fault: ChainFault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def verify(paths: Sequence[Path], keys: Iterable[ChainKey] = (), head: Head | None = None) -> ChainReport:
    """Verify the lines of some files, which are taken in the order of their numbers.

    ``keys``: those that may have sealed them; lines without a key are verified too, but not after one that has a key.
    ``head``: where the chain ends, if the last of the files is the one in use. Raises ``AuditError`` for a file that
    can't be read.
    """
    report = ChainReport()
    walk = _Walk(keys, report, head)
    try:
        try:
            for path in sorted(paths, key=_first_number):
                walk.through(path)
            walk.end()
        except _BrokenError as broken:
            report.fault = broken.fault
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AuditError(f"an audit file can't be read: {reason}", "Name files that this user can read.") from error
    report.last = walk.link.seq if walk.link else 0
    return report


class _Loose:
    """Lines that are not of the chain, since the last that is."""

    def __init__(self) -> None:
        self.line, self.size, self.whole = 0, 0, False
        self.digest = hashlib.sha256()

    def add(self, number: int, line: bytes) -> None:
        self.line = self.line or number
        self.size += len(line)
        self.whole = self.whole or _is_whole(line)
        self.digest.update(line)


class _Walk:
    """Goes through the lines with what the next one must fit to."""

    def __init__(self, keys: Iterable[ChainKey], report: ChainReport, head: Head | None) -> None:
        self._keys = {NO_KEY: ChainKey(), **{key.id: key for key in keys}}
        self._keyed = len(self._keys) > 1
        self._report, self._head = report, head
        self.link: Link | None = None
        self._key: ChainKey = self._keys[NO_KEY]
        self._had_key = False
        self._unkeyed_since = 0
        self._path: Path | None = None
        self._number = 0
        self._loose = _Loose()
        self._suspect = 0
        """The last line before the chain begins, if it has been of the chain by its looks."""

    def through(self, path: Path) -> None:
        self._path = path
        with _opened(path) as file:
            lines = iter(file)
            for self._number, line in enumerate(lines, 1):
                apart = take_apart(line[:-1]) if line.endswith(b"\n") else None
                if apart is None:
                    self._pass_by(line)
                else:
                    self._take(line, apart, lines)  # which reads on only to tell what a fault is
        if self.link is None:
            self._report.notes.append(f"{path}: no line is of a chain")

    def end(self) -> None:
        """What can only be told at the end: lines that are missing there, and whether a key has sealed the last."""
        head, loose = self._head, self._loose
        if self.link is None and head is not None:
            self._fail(f"no line is of a chain: the state directory knows of {head.link.seq}", 0)
        if self.link is None or self._path is None:
            return
        if loose.size:
            if head is None or head.link.seq > self.link.seq or loose.whole:
                self._fail("inserted, altered or torn: it is not of the chain, and no line covers it", loose.line)
            self._report.notes.append(f"{self._path}, line {loose.line}: torn; the next line will cover it")
        if head is not None and head.link.seq > self.link.seq:
            missing = _numbers(self.link.seq + 1, head.link.seq)
            self._fail(f"{missing} missing at the end: the state directory knows of {head.link.seq}", 0)
        if head is None:
            self._report.notes.append("not compared with the state directory: lines missing at the end don't show")
        if self._keyed and self._unkeyed_since:
            unkeyed = _numbers(self._unkeyed_since, self.link.seq)
            self._fail(f"{unkeyed} sealed without the key, and so by anyone", 0)

    def _pass_by(self, line: bytes) -> None:
        """A line that is not of the chain: from before it, or the next of the chain must cover it."""
        if self.link is None:
            self._report.older += 1
            self._suspect = self._number if b'"chain' in line else 0
            return
        self._loose.add(self._number, line)

    def _take(self, line: bytes, apart: Sealed, rest: Iterator[bytes]) -> None:
        start = _start_of(line)
        if self.link is None:
            self._begin(apart.link, start)
        assert self.link is not None  # noqa: S101 - it begins above, or fails
        if apart.link.seq != self.link.seq + 1:
            self._fail_number(apart.link.seq, rest)
        if start is not None:
            self._start(apart.link.seq, start)
        if apart.link.mac != self._key.mac(self.link.mac, apart.sealed):
            self._fail("altered: its hash does not fit to it and the line before")
        if self._loose.size:
            self._cover(start or {})
        if self._head is not None and apart.link.seq == self._head.link.seq and apart.link.mac != self._head.link.mac:
            self._fail("not the line that the state directory knows by this number: it was made again")
        self.link = apart.link

    def _begin(self, link: Link, start: dict[str, Any] | None) -> None:
        if start is None:
            what = f"the chain does not begin here: number {link.seq} without the line before it"
            self._fail("altered: the line after it is of a chain" if self._suspect else what, self._suspect or None)
            return
        if start.get("why") == "cut" and self._number > 1:
            self._fail(f"the file was cut: {_numbers(1, link.seq - 1)} missing before it")
        self.link = Link(link.seq - 1, str(start.get("prev", "")))
        self._report.first = link.seq
        if link.seq > 1:
            self._report.notes.append(f"{self._path} begins with number {link.seq}: those before are not verified")

    def _start(self, seq: int, start: dict[str, Any]) -> None:
        """Hold what a line says of the one before it against that, and take the key that it names."""
        assert self.link is not None  # noqa: S101 - the chain has begun
        if start.get("prev") != self.link.mac:
            self._fail("altered, or lines before it were: it does not name the line before")
        if start.get("why") == "head missing":
            self._report.notes.append(f"number {seq}: the state directory was lost; lines cut then don't show")
        key = str(start.get("key", NO_KEY))
        if key not in self._keys:
            self._fail("sealed with another key: name its file with --key-file")
        self._key = self._keys[key]
        if key != NO_KEY:
            self._had_key = True
            if self._unkeyed_since:
                unkeyed = _numbers(self._unkeyed_since, seq - 1)
                self._report.notes.append(f"{unkeyed} sealed without a key: they show accidents only")
            self._unkeyed_since = 0
        elif self._had_key:
            self._fail("sealed without the key, and so by anyone, after lines with it")
        else:
            self._unkeyed_since = self._unkeyed_since or seq

    def _cover(self, start: dict[str, Any]) -> None:
        """Hold what is loose before a line against what the line says of it."""
        loose, self._loose = self._loose, _Loose()
        if (start.get("loose"), start.get("sha256")) != (loose.size, loose.digest.hexdigest()):
            self._fail("inserted, or altered: it is not of the chain", loose.line)
        if loose.whole:
            self._fail("inserted: a whole line that is not of the chain", loose.line)
        self._report.notes.append(f"{self._path}, line {loose.line}: torn by a crash or a full disk, and covered")

    def _fail_number(self, seq: int, rest: Iterator[bytes]) -> None:
        """Tell what a number that is not the next one means, by those that follow it."""
        assert self.link is not None  # noqa: S101 - the chain has begun
        expected = self.link.seq + 1
        if self._loose.size and seq == expected + 1:
            self._fail("altered: it is not of the chain", self._loose.line)
        following = [apart.link.seq for line in rest if (apart := take_apart(line.rstrip(b"\n")))]
        if following[:1] == [expected + 1]:
            self._fail(f"altered, or inserted: its number is {seq} in place of {expected}")
        if seq < expected:
            self._fail(f"inserted, or moved: its number is {seq} after {self.link.seq}")
        if expected in following:
            self._fail(f"moved: its number is {seq}, and {expected} follows later")
        self._fail(f"{_numbers(expected, seq - 1)} missing before it")

    def _fail(self, what: str, line: int | None = None) -> None:
        assert self._path is not None  # noqa: S101 - a file is being read
        first_bad = self._loose.line or self._number
        raise _BrokenError(ChainFault(self._path, first_bad if line is None else line, what))


def _numbers(first: int, last: int) -> str:
    return f"number {first} is" if first == last else f"numbers {first} to {last} are"


def _start_of(line: bytes) -> dict[str, Any] | None:
    """What a line says of how it goes on after the one before; None for one that simply follows."""
    if _START not in line:
        return None
    try:
        start = json.loads(line).get(START)
    except (ValueError, AttributeError):
        return None
    return start if isinstance(start, dict) else None


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _first_number(path: Path) -> int:
    """The number of a file's first line of a chain; 0 without one, as in files from before the chain."""
    with _opened(path) as file:
        for line in file:
            if apart := take_apart(line.rstrip(b"\n")):
                return apart.link.seq
    return BEGIN.seq


def _opened(path: Path) -> IO[bytes]:
    """A file, also one that logrotate has compressed."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]
