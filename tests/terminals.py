"""Pseudo-terminals, as a person sits at one."""

from __future__ import annotations

import os
import select

import pytest

from patience import PATIENCE


def open_terminal() -> tuple[int, int]:
    """Ours and that of the program. Skips the test where the machine gives none (Windows, a bare chroot)."""
    if not hasattr(os, "openpty"):
        pytest.skip("this system has no pseudo-terminals")
    try:
        return os.openpty()
    except OSError as error:
        pytest.skip(f"this machine gives no pseudo-terminals (is /dev/pts mounted?): {error}")


def shown_next(terminal: int) -> str:
    """What a program shows next at its end of a terminal; empty once it has ended. Fails the test if neither comes."""
    if not select.select([terminal], [], [], PATIENCE)[0]:
        pytest.fail("nothing more shows, and the program does not end")
    try:
        return os.read(terminal, 4096).decode()
    except OSError:  # Linux: no program has the other end any more.
        return ""


def needs_terminals() -> None:
    """Skips the test where ``open_terminal`` does, for programs that open one themselves."""
    for end in open_terminal():
        os.close(end)
