"""Pseudo-terminals, as a person sits at one."""

from __future__ import annotations

import os

import pytest


def open_terminal() -> tuple[int, int]:
    """Ours and that of the program. Skips the test where the machine gives none (Windows, a bare chroot)."""
    if not hasattr(os, "openpty"):
        pytest.skip("this system has no pseudo-terminals")
    try:
        return os.openpty()
    except OSError as error:
        pytest.skip(f"this machine gives no pseudo-terminals (is /dev/pts mounted?): {error}")


def needs_terminals() -> None:
    """Skips the test where ``open_terminal`` does, for programs that open one themselves."""
    for end in open_terminal():
        os.close(end)
