"""The chain of the audit log: what is altered, removed, inserted or moved shows, whatever happens to the file."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from example_counts import share_of
from patience import PATIENCE, until
from proxmox_mcp.errors import AuditError
from proxmox_mcp.record.audit_file import AuditFile, read_head
from proxmox_mcp.record.audit_verify import ChainReport, verify
from proxmox_mcp.record.chain import BEGIN, ChainKey, take_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

KEY = ChainKey(b"a key of these tests, long enough.")
NO_KEY = ChainKey()
MANY = 1000


class Log:
    """An audit file with its head, written and verified with one key."""

    def __init__(self, directory: Path, key: ChainKey) -> None:
        self.path, self.head, self.key = directory / "audit.jsonl", directory / "state" / "audit.head", key
        self.whole: list[bytes] = []
        self._files: list[AuditFile] = []
        self.file = self.opened()

    def opened(self, key: ChainKey | None = None) -> AuditFile:
        """Another handle, as another process or a restart has it."""
        self._files.append(AuditFile(self.path, self.head, key or self.key))
        return self._files[-1]

    def write(self, count: int, file: AuditFile | None = None) -> None:
        for number in range(count):
            content = {
                "time": f"2026-11-28T10:00:00.{number:03}Z",
                "event": "outcome",
                "data": {"x": "é" * (number % 7)},
            }
            (file or self.file).append(json.dumps(content), sync=False)

    def verify(self, *paths: Path, keys: Sequence[ChainKey] | None = None, with_head: bool = True) -> ChainReport:
        head = read_head(self.head) if with_head else None
        return verify(paths or [self.path], [self.key] if keys is None else keys, head)

    def fault(self, *paths: Path, **more: bool) -> str:
        found = self.verify(*paths, **more).fault  # type: ignore[arg-type]
        return str(found).replace(f"{self.path}", "log") if found else ""

    def lines(self) -> list[bytes]:
        return self.path.read_bytes().splitlines(keepends=True)

    def put(self, lines: Sequence[bytes]) -> None:
        """Other content for the same file, as an editor in place leaves it."""
        with self.path.open("r+b") as file:
            file.write(b"".join(lines))
            file.truncate()

    def close(self) -> None:
        for file in self._files:
            file.close()


@pytest.fixture(params=[KEY, NO_KEY], ids=["key", "no key"])
def key(request: pytest.FixtureRequest) -> ChainKey:
    found: ChainKey = request.param
    return found


@pytest.fixture
def log(tmp_path: Path, key: ChainKey) -> Iterator[Log]:
    log = Log(tmp_path, key)
    yield log
    log.close()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    """A log of 1,000 lines that each test gives back as it was."""
    log = Log(tmp_path_factory.mktemp("many"), KEY)
    log.write(MANY)
    log.whole = log.lines()
    yield log
    log.close()


@given(st.sampled_from([b"", b"k", b"k" * 32, b"k" * 100]), st.text(max_size=40), st.integers(0, 3))
def test_a_seal_is_the_hash_of_the_hash_before_and_of_the_line_up_to_its_number(
    secret: bytes, text: str, before: int
) -> None:
    """Whoever has the key can verify a log without this program."""
    key, after = ChainKey(secret), BEGIN
    for _ in range(before):
        _, after = key.seal('{"event": "freeze"}', after)
    line, link = key.seal(json.dumps({"x": text}), after)
    sealed, _, rest = line.partition(b', "chain": "')
    message = after.mac.encode() + sealed
    mac = hmac.digest(secret, message, "sha256").hex() if secret else hashlib.sha256(message).hexdigest()
    assert (sealed, rest) == (f'{{"x": {json.dumps(text)}, "seq": {before + 1}'.encode(), f'{mac}"}}\n'.encode())
    assert link == (before + 1, mac)


def test_systems_without_reads_and_writes_at_a_place_keep_the_same_chain(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows; and a file that both have written."""
    (tmp_path / "other").mkdir()
    other = Log(tmp_path / "other", log.key)
    log.write(3)
    with monkeypatch.context() as windows:
        windows.setattr("proxmox_mcp.record.audit_file.HAS_PLACES", False)
        log.write(2)
        for count in (3, 2, 1):
            other.write(count)
    log.write(1)
    assert log.lines() == other.lines()
    assert not log.fault()
    assert not other.fault()
    other.close()


# Every altered byte, removed line and swapped pair in a log of 1,000.


def test_a_log_is_whole_as_it_was_written(many: Log) -> None:
    report = many.verify()
    assert (report.fault, report.first, report.last, report.older, report.notes) == (None, 1, MANY, 0, [])


def test_every_altered_byte_of_every_line_breaks_its_seal(many: Log) -> None:
    """Line by line, as ``verify`` goes through them: each line is held against the link before it."""
    before = BEGIN
    for line in many.whole:
        for place in range(len(line)):
            altered = bytearray(line)
            altered[place] ^= 1 + place % 255
            apart = take_apart(bytes(altered[:-1])) if altered.endswith(b"\n") else None
            fits = apart is not None and apart.link.seq == before.seq + 1
            assert not (fits and apart and apart.link.mac == KEY.mac(before.mac, apart.sealed)), (line, place)
        apart = take_apart(line[:-1])
        assert apart
        assert apart.link.mac == KEY.mac(before.mac, apart.sealed)
        before = apart.link


@settings(max_examples=share_of(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, MANY - 1), place=st.integers(0, 1000), value=st.integers(0, 255))
def test_an_altered_byte_is_found_in_its_line(many: Log, number: int, place: int, value: int) -> None:
    whole = many.whole
    line = whole[number]
    place %= len(line)
    altered = line[:place] + bytes([value]) + line[place + 1 :]
    try:
        many.put([*whole[:number], altered, *whole[number + 1 :]])
        fault = many.verify().fault
    finally:
        many.put(whole)
    if altered == line:
        assert fault is None
    else:
        assert fault
        assert fault.line == number + 1, fault


EACH = pytest.mark.parametrize("each", [10, pytest.param(1, marks=pytest.mark.slow)])
"""How far apart the lines are that a test tries; the first and the last are among them."""


@EACH
def test_every_removed_line_is_found_where_it_was(many: Log, each: int) -> None:
    whole = many.whole
    try:
        for number in (*range(0, MANY - 1, each), MANY - 1):
            many.put([*whole[:number], *whole[number + 1 :]])
            fault = many.verify().fault
            assert fault
            assert fault.line == (number + 1 if number < MANY - 1 else 0), fault
            assert "missing" in fault.what or number == 0, fault
    finally:
        many.put(whole)


@EACH
def test_every_swapped_pair_of_neighbours_is_found(many: Log, each: int) -> None:
    whole = many.whole
    try:
        for number in (*range(0, MANY - 2, each), MANY - 2):
            many.put([*whole[:number], whole[number + 1], whole[number], *whole[number + 2 :]])
            fault = many.verify().fault
            assert fault
            assert fault.line == number + 1, fault
    finally:
        many.put(whole)


@settings(max_examples=share_of(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=st.tuples(st.integers(0, MANY - 1), st.integers(0, MANY - 1)).filter(lambda pair: pair[0] < pair[1]))
def test_any_swapped_pair_is_found(many: Log, pair: tuple[int, int]) -> None:
    whole, lines = many.whole, list(many.whole)
    lines[pair[0]], lines[pair[1]] = lines[pair[1]], lines[pair[0]]
    try:
        many.put(lines)
        fault = many.verify().fault
    finally:
        many.put(whole)
    assert fault
    assert fault.line == pair[0] + 1


def test_what_is_wrong_is_named_with_its_line(log: Log) -> None:
    log.write(9)
    lines = log.lines()

    def after(*changed: bytes) -> str:
        log.put(changed)
        return log.fault()

    assert after(*lines) == ""
    altered = lines[4].replace(b"outcome", b"Outcome")
    assert after(*lines[:4], altered, *lines[5:]) == (
        "log, line 5: altered: its hash does not fit to it and the line before"
    )
    assert after(*lines[:4], *lines[5:]) == "log, line 5: number 5 is missing before it"
    assert after(*lines[:4], *lines[7:]) == "log, line 5: numbers 5 to 7 are missing before it"
    assert after(*lines[:4], lines[5], lines[4], *lines[6:]).startswith("log, line 5: moved: its number is 6")
    assert after(*lines[:6], lines[2], *lines[6:]).startswith("log, line 7: inserted, or moved: its number is 3")
    assert after(*lines[:4], b'{"event": "intent"}\n', *lines[4:]).startswith("log, line 5: inserted, or altered")
    assert after(*lines[:4], b"{}" + lines[4], *lines[5:]).startswith("log, line 5: altered")
    assert after(*lines[:7]) == "log: numbers 8 to 9 are missing at the end: the state directory knows of 9"
    assert after(*lines[2:]).startswith("log, line 1: the chain does not begin here: number 3")
    assert after(*lines, b'{"event": "intent"}\n').startswith("log, line 10: inserted, altered or torn")


# What happens to files.


def test_a_rotated_file_goes_on_in_the_next_and_both_verify_in_any_order(log: Log, tmp_path: Path) -> None:
    old, older = tmp_path / "audit.jsonl.1", tmp_path / "audit.jsonl.2.gz"
    log.write(3)
    older.write_bytes(gzip.compress(log.path.read_bytes()))
    log.path.unlink()
    log.write(3)
    log.path.rename(old)
    log.write(3)
    for paths in ((older, old, log.path), (log.path, older, old)):
        report = log.verify(*paths)
        assert (report.fault, report.first, report.last, report.notes) == (None, 1, 9, [])
    alone = log.verify()
    assert (alone.fault, alone.first, alone.last) == (None, 7, 9)
    assert "begins with number 7: those before are not verified" in alone.notes[0]
    assert "numbers 4 to 6 are missing before it" in log.fault(older, log.path)
    assert log.verify(older, old, with_head=False).fault is None
    assert "not compared with the state directory" in log.verify(older, old, with_head=False).notes[-1]


def test_a_file_that_is_copied_and_emptied_goes_on_too(log: Log, tmp_path: Path) -> None:
    log.write(3)
    (tmp_path / "copy").write_bytes(log.path.read_bytes())
    log.put([])
    log.write(3)
    assert log.fault(tmp_path / "copy", log.path) == ""


def test_a_file_that_is_restored_goes_on_where_it_ended(log: Log, tmp_path: Path) -> None:
    log.write(3)
    content = log.path.read_bytes()
    log.path.unlink()
    log.path.write_bytes(content)
    log.write(1)
    report = log.verify()
    assert (report.fault, report.last, report.notes) == (None, 4, [])
    assert b"chain_start" not in log.lines()[-1]


@pytest.mark.parametrize("left", [0.5, 2, 2.5])
def test_a_cut_shows_also_when_lines_were_written_after_it(left: float, log: Log) -> None:
    log.write(4)
    lines = log.lines()
    rest = lines[: int(left)] + ([lines[int(left)][:50]] if left % 1 else [])
    log.put(rest)
    assert log.fault()
    log.write(2)
    fault = log.fault()
    assert "missing" in fault or "not of the chain" in fault or "does not begin here" in fault


def test_lines_from_before_the_chain_are_passed_by(log: Log) -> None:
    log.path.write_text('{"event": "intent"}\n{"event": "outcome"}\n{"torn')
    log.write(3)
    report = log.verify()
    assert (report.fault, report.older, report.first, report.last) == (None, 3, 1, 3)
    assert "no line is of a chain" in verify([_of(log, '{"event": "intent"}\n')]).notes[0]


def _of(log: Log, text: str) -> Path:
    path = log.path.with_name("other.jsonl")
    path.write_text(text)
    return path


def test_a_lost_head_is_noted_and_the_chain_goes_on(log: Log) -> None:
    log.write(3)
    for lost in (b"", b"garbage" * 9):
        log.head.write_bytes(lost)
        log.write(2, log.opened())
    report = log.verify()
    assert (report.fault, report.last) == (None, 7)
    assert [note for note in report.notes if "the state directory was lost" in note] == report.notes
    assert len(report.notes) == 2


def test_a_torn_line_is_covered_by_the_next_and_its_bytes_are_sealed_too(log: Log) -> None:
    log.write(2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for _ in range(2):
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 20, hard))
        try:
            with pytest.raises(OSError):
                log.write(1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    before = log.verify()
    assert before.fault is None
    assert "torn; the next line will cover it" in before.notes[0]
    log.write(2)
    report = log.verify()
    assert (report.fault, report.last) == (None, 4)
    assert "torn by a crash or a full disk, and covered" in report.notes[0]
    lines = log.lines()
    log.put([*lines[:2], lines[2].replace(b"time", b"Time"), *lines[3:]])
    assert log.fault().startswith("log, line 3: inserted, or altered")


def test_a_whole_line_that_another_program_added_is_not_taken_for_a_torn_one(log: Log) -> None:
    log.write(2)
    log.put([*log.lines(), b'{"event": "outcome", "result": "ok"}\n'])
    log.write(2)
    assert log.fault() == "log, line 3: inserted: a whole line that is not of the chain"


def test_a_writer_killed_between_line_and_head_leaves_a_line_of_the_chain(log: Log) -> None:
    log.write(2)
    before = log.head.read_bytes()
    log.write(1)
    log.head.write_bytes(before)
    assert log.fault() == ""
    log.write(2, log.opened())
    report = log.verify()
    assert (report.fault, report.last, report.notes) == (None, 5, [])


def test_a_device_takes_lines_too(tmp_path: Path, key: ChainKey) -> None:
    (tmp_path / "null").symlink_to("/dev/null")
    file = AuditFile(tmp_path / "null", tmp_path / "head", key)
    first, second = (file.append('{"event": "outcome"}', sync=False) for _ in range(2))
    assert take_apart(first[:-1])
    apart = take_apart(second[:-1])
    assert apart
    assert apart.link.seq == 2
    file.close()


def test_both_files_are_for_their_owner_only(log: Log) -> None:
    log.write(1)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (log.path, log.head)} == {0o600}


# Keys.


def test_another_key_does_not_verify_and_none_shows_nothing(tmp_path: Path) -> None:
    log = Log(tmp_path, KEY)
    log.write(3)
    other = log.verify(keys=[ChainKey(b"another")]).fault
    assert other
    assert other.what.startswith("sealed with another key")
    assert log.verify(keys=[]).fault
    log.close()


def test_a_log_that_was_made_again_without_the_key_is_found(tmp_path: Path) -> None:
    log, forged = Log(tmp_path, KEY), Log(tmp_path / "forged", NO_KEY)
    (tmp_path / "forged").mkdir()
    log.write(3)
    forged.write(3)
    log.put(forged.lines())
    assert log.fault()
    assert "sealed without the key" in log.fault(with_head=False)
    log.close()
    forged.close()


def test_a_log_without_a_key_that_was_made_again_is_not_the_one_that_the_head_knows(tmp_path: Path) -> None:
    log, forged = Log(tmp_path, NO_KEY), Log(tmp_path / "forged", NO_KEY)
    (tmp_path / "forged").mkdir()
    log.write(3)
    forged.file.append('{"event": "other"}', sync=False)
    forged.write(2)
    log.put(forged.lines())
    assert "not the line that the state directory knows" in log.fault()
    log.close()
    forged.close()


def test_a_key_that_is_set_later_or_changed_goes_on_in_the_same_chain(tmp_path: Path) -> None:
    log, later = Log(tmp_path, NO_KEY), ChainKey(b"the second key")
    log.write(2)
    for key in (KEY, later):
        log.write(2, log.opened(key))
    assert log.verify(keys=[KEY, later]).fault is None
    assert "numbers 1 to 2 are sealed without a key" in log.verify(keys=[KEY, later]).notes[0]
    only = log.verify(keys=[later]).fault
    assert only
    assert only.line == 3
    log.write(2, log.opened(NO_KEY))
    after = log.verify(keys=[KEY, later]).fault
    assert after
    assert after.what.startswith("sealed without the key")
    log.close()


# Several writers.

_WRITER = """
import json, sys
from pathlib import Path
from proxmox_mcp.record.audit_file import AuditFile
from proxmox_mcp.record.chain import ChainKey
file = AuditFile(Path(sys.argv[1]), Path(sys.argv[2]), ChainKey(sys.argv[3].encode()))
print("ready", flush=True)
sys.stdin.readline()
stop, number = Path(sys.argv[1]).with_name("stop"), 0
while number < 20 or not stop.exists():
    file.append(json.dumps({"event": "outcome", "data": "x" * (number % 50)}), sync=number % 20 == 0)
    number += 1
print(number)
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts a process that writes lines from when it gets one until there is a file ``stop``; then it tells how many.

    Twenty it writes in any case.
    """
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        arguments = [str(tmp_path / "audit.jsonl"), str(tmp_path / "state" / "audit.head"), "a key"]
        command = [sys.executable, "-c", _WRITER, *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=PATIENCE)


def _go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    process.stdin.write(b"\n")
    process.stdin.flush()


def test_several_processes_keep_one_chain_while_the_file_is_rotated(
    tmp_path: Path, writer: Callable[[], subprocess.Popen[bytes]]
) -> None:
    processes = [writer() for _ in range(3)]
    for process in processes:
        _go(process)
    path, rotated = tmp_path / "audit.jsonl", []
    for number in range(1, 4):
        until(lambda: path.exists() and path.stat().st_size > 5000)
        rotated.append(tmp_path / f"audit.jsonl.{number}")
        path.rename(rotated[-1])
    (tmp_path / "stop").touch()
    written = sum(int(process.communicate(timeout=PATIENCE)[0]) for process in processes)
    files = [*rotated, *([path] if path.exists() else [])]
    report = verify(files, [ChainKey(b"a key")], read_head(tmp_path / "state" / "audit.head"))
    assert (report.fault, report.first, report.last) == (None, 1, written)
    assert sum(len(file.read_bytes().splitlines()) for file in files) == written


def test_processes_that_are_killed_break_no_chain(
    tmp_path: Path, writer: Callable[[], subprocess.Popen[bytes]]
) -> None:
    path = tmp_path / "audit.jsonl"
    for round_ in range(1, 6):
        processes = [writer() for _ in range(2)]
        for process in processes:
            _go(process)
        until(lambda: path.exists() and path.stat().st_size > round_ * 20_000)  # noqa: B023
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)
    report = verify([path], [ChainKey(b"a key")], read_head(tmp_path / "state" / "audit.head"))
    assert report.fault is None
    torn = [note for note in report.notes if ": torn" in note]  # One may be killed in the middle of a line.
    assert report.last == len(path.read_bytes().splitlines()) - len(torn)


def test_a_line_does_not_wait_while_another_is_synced(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(1)
    synced, go_on = threading.Event(), threading.Event()

    def fsync(_: int) -> None:
        synced.set()
        assert go_on.wait(PATIENCE)

    monkeypatch.setattr(os, "fsync", fsync)
    thread = threading.Thread(target=log.file.append, args=('{"event": "intent"}',), kwargs={"sync": True})
    thread.start()
    assert synced.wait(PATIENCE)
    log.write(3)
    assert thread.is_alive()
    go_on.set()
    thread.join(PATIENCE)
    assert log.fault() == ""


def test_a_file_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(b"not gzip")
    for path in (tmp_path / "missing", tmp_path / "x.gz"):
        with pytest.raises(AuditError, match="can't be read"):
            verify([path])
