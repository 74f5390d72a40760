"""Who runs a command, for the record."""

from __future__ import annotations

import getpass
import os


def operator() -> str:
    """The name of the user. In a container the user often has a number and no name."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # KeyError until Python 3.12, OSError from 3.13 on
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
