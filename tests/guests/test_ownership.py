"""What a terminal's first bytes are taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.guests.ownership import MAX_SCREEN, Screen, screen_of

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
