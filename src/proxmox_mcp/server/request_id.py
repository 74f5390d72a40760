"""The id of a request: the same in the log lines, in the audit and in the answer's header."""

# Tested through tests/e2e/test_watching.py.

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

HEADER = "X-Request-Id"
_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def begin(given: str = "") -> str:
    """Give this context the id that came with the request, or a new one if it is missing or malformed."""
    chosen = given if _FORM.fullmatch(given) else uuid.uuid4().hex[:16]
    _current.set(chosen)
    return chosen


def request_id() -> str:
    """The id of this context; one is made where the transport brought none."""
    return _current.get() or begin()


def known_id() -> str:
    """The id of this context, empty where there is none."""
    return _current.get()
