"""What the doctor says of a set-up, as a text: for the console, which lies below the doctor and can't ask it."""

# Tested through tests/web/pages/test_connect.py.

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def doctor_report(environment: Mapping[str, str]) -> str:
    """Check the set-up, as ``proxmox-mcp doctor`` does. The text has no secrets."""
    # Imported when somebody asks: a server that nobody checks needs none of it.
    from proxmox_mcp.doctor import run

    out = StringIO()
    run(environment, out=out)
    return out.getvalue()
