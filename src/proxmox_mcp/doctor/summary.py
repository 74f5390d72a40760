"""The end of the report: the number of errors and warnings, and the next thing to do."""

# Tested through tests/doctor/test_run.py, tests/doctor/test_cluster_checks.py and tests/doctor/test_client_only.py.

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxmox_mcp.render.units import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.doctor.steps import CheckStep, Fix

RUNS = "this server is already running there"
_MOST_LINES = 2
"""Lines to paste that fit into a sentence."""
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z`])")


def counted(steps: Sequence[CheckStep]) -> str:
    """Such as ``2 errors, 1 warning``."""
    failed, warned = (sum(step.status == status for step in steps) for status in ("fail", "warn"))
    return f"{number_of(failed, 'error')}, {number_of(warned, 'warning')}"


def next_step(steps: Sequence[CheckStep], url: str, *, clients: bool) -> str:
    """The next thing to do, in one sentence: how to fix the first error; without errors, how to use the server.

    ``url`` is the URL that clients use, empty if it was not checked; ``clients``: whether the settings to
    paste into clients were printed.
    """
    failed = [step for step in steps if step.status == "fail"]
    if failed:
        others = sum(step.of_settings for step in failed) - 1
        more = f" (and correct the other settings above: {others})" if failed[0].of_settings and others else ""
        return f"Next: {_lower(_to_do(failed[0]))}{more}."
    paste = "paste the settings above into your client"
    if not clients:
        with_url = f" --url {url}" if url else ""
        by_hand = f"`proxmox-mcp doctor{with_url} --clients` prints what to paste"
        paste = f"connect a client with `proxmox-mcp connect CLIENT{with_url}`, or by hand: {by_hand}"
    if url or any(step.name == "address" and RUNS in step.found for step in steps):
        return f"Next: {paste}."
    return f"Next: start the server with `proxmox-mcp serve`, then {paste}."


def _to_do(step: CheckStep) -> str:
    found = step.found.splitlines()[0].rstrip(".")
    fix = next((fix for fix in step.fixes if fix.text), None)
    if fix is None:
        return f"correct this: {found}"
    what = _in_a_sentence(fix)
    return f"{found}: {_lower(what)}" if step.of_settings else what


def _in_a_sentence(fix: Fix) -> str:
    text = _SENTENCE_END.split(" ".join(fix.text.split()), maxsplit=1)[0].rstrip(".:!?")
    if not fix.lines:
        return text
    if len(fix.lines) > _MOST_LINES:
        return f"{text} (the lines are above)"
    return f"{text}: {' and '.join(f'`{line}`' for line in fix.lines)}"


def _lower(text: str) -> str:
    """A sentence in lower case for use after a colon; names of settings stay as they are."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
