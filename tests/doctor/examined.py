"""The doctor run on an environment, and what it said."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxmox_mcp.doctor import run

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = "11111111-2222-3333-4444-555555555555"
TOKEN = "a-token-that-only-the-doctor-tests-use"


@dataclass(frozen=True)
class Report:
    """``status`` is the exit status, ``steps`` the list that ``--json`` gives, ``next`` its last entry: what to do."""

    status: int
    steps: list[dict[str, Any]]
    next: str

    def step(self, name: str) -> dict[str, Any]:
        """The one step of a name, with or without its host."""
        found = [step for step in self.steps if step["step"] == name or step["step"].startswith(f"{name} of ")]
        assert len(found) == 1, f"{len(found)} steps are named {name!r}: {[step['step'] for step in self.steps]}"
        return found[0]

    def names(self, status: str) -> list[str]:
        return [step["step"].partition(" of ")[0] for step in self.steps if step["status"] == status]


def cure(step: Mapping[str, Any]) -> str:
    """All that a step advises, as one text."""
    return "\n".join(part for each in step["cures"] for part in (each["text"], *each["lines"]))


def lines(step: Mapping[str, Any]) -> list[str]:
    """The lines to paste."""
    return [line for each in step["cures"] for line in each["lines"]]


def examined(environment: Mapping[str, str], **options: Any) -> Report:
    """Run it for JSON; whatever it finds, no secret of the environment may be in what it says, it must end with one
    sentence on what to do next, and its exit status must be the documented one."""
    out = io.StringIO()
    status = run(environment, as_json=True, out=out, **options)
    for name in ("PROXMOX_PASSWORD", "MCP_AUTH_TOKEN"):
        value = environment.get(name, "")
        assert len(value) < 8 or value not in out.getvalue()
    *steps, verdict = json.loads(out.getvalue())
    assert (verdict["part"], verdict["step"]) == ("verdict", "next")
    following = verdict["found"]
    assert re.fullmatch(r"Next: [^\n]{15,400}[^.\s]\.", following), following
    assert not re.search(r"[?:;,]\.$", following), following
    assert not SENTENCE_END.search(following), f"more than one sentence: {following}"
    failed = [step for step in steps if step["status"] == "fail"]
    assert status == (2 if any(step["setting"] for step in failed) else 1 if failed else 0), steps
    assert ("start the server" in following or "client" in following) >= (not failed)
    return Report(status, steps, following)


SENTENCE_END = re.compile(r"[^.][.!?] [A-Z`]")


def printed(environment: Mapping[str, str], **options: Any) -> tuple[int, str]:
    """Run it for people."""
    out = io.StringIO()
    return run(environment, out=out, **options), out.getvalue()
