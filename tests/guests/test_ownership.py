"""What a terminal's first bytes are taken for."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patience import processor_seconds
from proxmox_mcp.guests.ownership import MAX_REDRAWN, MAX_SCREEN, Screen, prompt_of, screen_of, shows_beginning
from proxmox_mcp.guests.script import TOLD_BY, Nonces, bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable

FRESH = b"\x1b[H\x1b[J"
BANNER = b"\r\n\r\nBusyBox v1.35.0 (Debian 1:1.35.0-4) built-in shell (ash)\r\nEnter 'help' for a list.\r\n\r\n"


@pytest.mark.parametrize(
    "shown",
    [
        b"root@web:~# ",
        b"[root@web ~]# ",
        b"/ # ",
        b"sh-5.2# ",
        b"web:~> ",
        b"\x1b[?2004hroot@web:~# ",
        b"\x1b[?2004hroot@web:~# \r\x1b[K\rroot@web:~# ",
        b"\x1b]0;root@web: ~\x07root@web:~# ",
        b"\x1b[01;32mroot@web\x1b[00m:\x1b[01;34m~\x1b[00m# ",
        BANNER + b"/ # \x1b[6n",
        BANNER + b"root@web:~# \x1b[6n\rroot@web:~# \x1b[J",
    ],
)
def test_a_fresh_prompt_is_known(shown: bytes) -> None:
    assert screen_of(shown) is Screen.PROMPT
    assert screen_of(FRESH + shown) is Screen.PROMPT


@pytest.mark.parametrize("shown", [b"web login: ", b"Debian GNU/Linux 12 web tty1\r\n\r\nweb login: ", b"Password: "])
def test_a_login_is_known(shown: bytes) -> None:
    assert screen_of(FRESH + shown) is Screen.LOGIN


@pytest.mark.parametrize("shown", [b"", FRESH, FRESH + b"\r\n", b"\x1b[H\x1b[J\x1b[?25h"])
def test_a_cleared_screen_is_nothing(shown: bytes) -> None:
    assert screen_of(shown) is Screen.NOTHING


@pytest.mark.parametrize(
    "shown",
    [
        b"root@web:~# rm -rf /",
        b"root@web:~# echo a >",
        b"root@web:~# mysql -e '$",
        b"root@web:~# vi x\r\nroot@web:~# ",
        b"some output\r\nroot@web:~# ",
        b"-- INSERT --",
        b"(reverse-i-search)`x': echo $ ",
        b"Continue? [Y/n] ",
        b"> ",
        b"x" * (MAX_SCREEN + 1) + b"# ",
    ],
)
def test_half_a_command_a_second_line_or_a_program_is_not_a_fresh_prompt(shown: bytes) -> None:
    assert screen_of(FRESH + shown) is Screen.OTHER


@given(st.binary(max_size=3000))
def test_whatever_a_terminal_shows_is_judged(shown: bytes) -> None:
    assert screen_of(shown) in set(Screen)


@given(st.text("abc#$> \r", max_size=20), st.text("abc ", min_size=1, max_size=20))
def test_a_line_with_anything_after_its_prompt_is_never_taken_for_one(prompt: str, typed: str) -> None:
    shown = f"{prompt}# x{typed}".encode()
    if b"\r" not in shown:
        assert screen_of(shown) is not Screen.PROMPT


PROMPT = b"root@web:~# "
LINE = bootstrap(Nonces.make()).rstrip(b"\r")


def by_readline(text: bytes, columns: int) -> bytes:
    """As bash 5.2 draws a line: the first character of the next row is written twice."""
    rows = [text[i : i + columns] for i in range(0, len(text), columns)]
    return FRESH + b"\r\x1b[K\r" + b"".join(row + after[:1] + b"\r" for row, after in pairwise(rows)) + rows[-1]


def by_busybox(text: bytes, columns: int) -> bytes:
    rows = [text[i : i + columns] for i in range(0, len(text), columns)]
    return FRESH + b"\x1b[2A\r" + b"\r\r\n".join(rows) + b"\x1b[J\r" + b"\r\r\n".join(rows) + b"\x1b[J"


@pytest.mark.parametrize("drawn", [by_readline, by_busybox])
def test_every_beginning_of_our_line_is_known_where_it_tells_whose_it_is(drawn: Callable[[bytes, int], bytes]) -> None:
    for size in range(len(LINE) + 1):
        shown = drawn(PROMPT + LINE[:size], 81)
        assert shows_beginning(shown, PROMPT, LINE, TOLD_BY) == (size >= TOLD_BY), shown


@pytest.mark.parametrize("size", [0, 3, TOLD_BY, 100, len(LINE)])
def test_what_is_not_only_our_line_after_the_same_prompt_is_not_taken_for_it(size: int) -> None:
    ours = LINE[:size]
    for shown in (
        PROMPT + ours + b"; rm x",
        PROMPT + b"rm x;" + ours,
        b"root@db:~# " + ours,
        PROMPT + bootstrap(Nonces.make())[: max(size, TOLD_BY)],
        PROMPT + ours + b"\r\n" + PROMPT,
    ):
        assert not shows_beginning(by_readline(shown, 81), PROMPT, LINE, TOLD_BY)


def test_the_prompt_is_the_last_line_as_it_looks() -> None:
    assert prompt_of(FRESH + BANNER + b"root@web:~# \x1b[6n\rroot@web:~# \x1b[J") == PROMPT


@pytest.mark.parametrize(
    "part",
    [b"\x1b]", b"\x1b[0", b"x\r", b"\r", pytest.param(PROMPT + LINE[:TOLD_BY], id="a beginning of our line"), b" M="],
)
def test_any_screen_is_judged_in_a_moment(part: bytes) -> None:
    shown = (part * MAX_REDRAWN)[:MAX_REDRAWN]
    assert processor_seconds(lambda: shows_beginning(shown, PROMPT, LINE, TOLD_BY)) < 0.2
