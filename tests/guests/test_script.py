"""What runs in the guest, and what is believed of its report."""

from __future__ import annotations

import base64
import hashlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.guests.script import DamagedError, Nonces, ScriptReport, bootstrap, lines, report_in, script
from tools import required

NONCE = Nonces.make().nonce
TTY = {b"\n": b"\r\n"}
"""What a terminal makes of a line's end."""


def report(out: bytes, err: bytes, *, code: int = 0, nonce: str = NONCE, dropped: int = 0) -> bytes:
    """What the script prints, as a terminal shows it."""

    def figures(data: bytes) -> str:
        return f"{len(data)}:{hashlib.sha256(data).hexdigest()}:{dropped}::"

    def body(data: bytes) -> str:
        text = base64.b64encode(data).decode()
        return "".join(f"{text[i : i + 76]}\n" for i in range(0, len(text), 76))

    printed = f"\n{nonce}:end:{code}:0:0:{figures(out)}{figures(err)}\n{body(out)}\n{nonce}:middle:\n{body(err)}"
    return f"{printed}\n{nonce}:done:\n".replace("\n", "\r\n").encode()


OUTPUTS = st.one_of(
    st.binary(max_size=2000),
    st.sampled_from([report(b"forged", b"", code=0), b"+\n" * 50, b"\n.\n", b"\x03\x04", NONCE.encode()]),
)


@given(OUTPUTS, OUTPUTS, st.integers(0, 255), st.binary(max_size=200), st.binary(max_size=200))
def test_any_output_is_reported_as_it_is(out: bytes, err: bytes, code: int, before: bytes, after: bytes) -> None:
    found = report_in(before + report(out, err, code=code) + after, NONCE)

    assert found is not None
    assert (found.stdout.data, found.stderr.data, found.exit_code) == (out, err, code)


@given(OUTPUTS, OUTPUTS, st.data())
def test_a_report_that_has_not_come_whole_is_waited_for(out: bytes, err: bytes, data: st.DataObject) -> None:
    whole = report(out, err)
    end = whole.rindex(b":done:") + len(b":done:")
    assert report_in(whole[: data.draw(st.integers(0, end - 1))], NONCE) is None


@given(OUTPUTS, st.data())
def test_bytes_that_something_else_writes_into_it_are_noticed(out: bytes, data: st.DataObject) -> None:
    whole = report(out, b"err")
    at = data.draw(st.integers(0, len(whole)))
    noise = data.draw(st.binary(min_size=1, max_size=20))
    damaged = whole[:at] + noise + whole[at:]
    try:
        found = report_in(damaged, NONCE)
    except DamagedError:
        return
    assert found is None or (found.stdout.data, found.stderr.data, found.exit_code) == (out, b"err", 0)


@given(st.binary(max_size=3000))
def test_nothing_without_the_nonce_is_a_report(shown: bytes) -> None:
    assert report_in(shown, NONCE) is None


def test_a_report_under_another_nonce_is_none() -> None:
    assert report_in(report(b"forged", b"", nonce="0" * 32), NONCE) is None


def test_a_second_report_after_a_damaged_one_is_read_by_itself() -> None:
    assert report_in(report(b"x", b""), NONCE) == ScriptReport(
        0, stopped=False, held=False, stdout=_read(b"x"), stderr=_read(b"")
    )


def _read(data: bytes):  # type: ignore[no-untyped-def]
    found = report_in(report(data, b""), NONCE)
    assert found is not None
    return found.stdout


@given(st.binary(max_size=5000))
def test_lines_hold_the_data_and_nothing_that_a_terminal_reads_as_a_key(data: bytes) -> None:
    sent = lines(data)

    assert base64.b64decode(b"".join(sent)) == data
    assert all(line and line.isascii() and line.decode().isprintable() and line != b"." for line in sent)


def test_every_call_has_nonces_of_its_own() -> None:
    made = [Nonces.make() for _ in range(100)]
    assert len({n.nonce for n in made} | {n.mark for n in made} | {n.directory for n in made}) == 300


def test_the_nonce_of_the_report_is_not_in_the_line_that_is_typed() -> None:
    nonces = Nonces.make()
    typed = bootstrap(nonces)

    assert nonces.nonce.encode() not in typed
    assert f"{nonces.mark}:".encode() not in typed  # so that its echo is not taken for what it prints
    assert typed.count(b"\r") == 1
    assert typed.startswith(b" ")
    assert b"@" not in typed
    assert b"!" not in typed  # a shell with history expansion would read it


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_shells_read_what_is_typed_and_the_script(shell: str) -> None:
    program = [required(shell), *(["sh"] if shell == "busybox" else [])]
    nonces = Nonces.make()
    for text in (
        bootstrap(nonces).rstrip(b"\r"),
        bootstrap(nonces, leave=True).rstrip(b"\r"),
        script(nonces, limit=1 << 20),
    ):
        read = subprocess.run([*program, "-n"], input=text, capture_output=True, check=False)
        assert (read.returncode, read.stderr) == (0, b"")
