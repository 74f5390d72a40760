"""Prints the steps as text or JSON. Colours only on a terminal; lines to paste are never wrapped."""

# Tested through tests/doctor/test_run.py.

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from proxmox_mcp.doctor.steps import CheckStep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.client_configurations import Configuration
    from proxmox_mcp.doctor.steps import Status

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "skipped": "dim"}
_MIN_SECRET_LENGTH = 8
"""Shorter values are not masked: they would match too much other text."""


@dataclass
class SecretMask:
    """Masks the secrets of the settings in all output: a server may echo what it was sent."""

    secrets: Sequence[str] = ()

    def text(self, text: str) -> str:
        for secret in self.secrets:
            if len(secret) >= _MIN_SECRET_LENGTH:
                text = text.replace(secret, "***")
        return text

    def value(self, value: Any) -> Any:
        """The same for a JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(each) for each in value]
        return {key: self.value(each) for key, each in value.items()} if isinstance(value, dict) else value


@dataclass
class Printer:
    """Prints steps as they come."""

    out: TextIO
    mask: SecretMask = field(default_factory=SecretMask)
    _part: str = ""

    def __post_init__(self) -> None:
        self._console = _console(self.out)

    def step(self, step: CheckStep) -> None:
        if step.part != self._part:
            self._part = step.part
            self._line(f"\n{step.part}", style="bold")
        self._line(f"  {step.status:<7} ", f"{step.name}: {step.found}", style=_STYLES[step.status])
        for detail in step.details:
            self._line("", f"            {detail}")
        for fix in step.fixes:
            self._line("", f"          -> {fix.text}")
            for line in fix.lines:
                self._line("", f"                {line}")

    def configurations(self, configurations: Sequence[Configuration], *, token: bool) -> None:
        if not configurations:
            return
        self._line("\nclients", style="bold")
        if token:
            self._line("", "  Set MCP_AUTH_TOKEN in the environment of the client; it is not printed here.")
        for each in configurations:
            self._line(f"\n  {each.client}", f"  ({each.where})", style="bold")
            for line in each.text.splitlines():
                self._line("", f"    {line}")

    def verdict(self, counted: str, following: str, *, failed: bool) -> None:
        """The last two lines: how many errors and warnings, and what to do next."""
        self._line(f"\n{counted}", style="bold red" if failed else "bold green")
        self._line("", following)

    def _line(self, head: str, rest: str = "", *, style: str = "") -> None:
        head, rest = self._printable(head), self._printable(rest)
        if self._console is None:
            self.out.write(f"{head}{rest}\n")
            self.out.flush()
            return
        from rich.text import Text

        self._console.print(Text.assemble((head, style), rest), soft_wrap=True)

    def _printable(self, text: str) -> str:
        """Without secrets, and without characters that the encoding of the output lacks."""
        encoding = getattr(self.out, "encoding", None) or "utf-8"
        return self.mask.text(text).encode(encoding, "replace").decode(encoding)


def _console(out: TextIO) -> Any:
    if not out.isatty():
        return None
    # 0.05 s of CPU to import, needed only on a terminal.
    from rich.console import Console

    return Console(file=out, highlight=False)


def write_json(
    out: TextIO, steps: Sequence[CheckStep], configurations: Sequence[Configuration], following: str, mask: SecretMask
) -> None:
    """One list: the steps, the configurations of clients if wanted, and the next thing to do."""
    listed: list[dict[str, Any]] = [step.as_json() for step in steps]
    if configurations:
        listed.append(
            {
                "part": "clients",
                "step": "configuration",
                "status": "ok",
                "setting": False,
                "found": f"for {len(configurations)} clients",
                "details": [],
                "cures": [],
                "configurations": [each.as_json() for each in configurations],
            }
        )
    status: Status = "fail" if any(step.status == "fail" for step in steps) else "ok"
    verdict = CheckStep(part="verdict", name="next", status=status, found=following)
    listed.append(verdict.as_json())
    json.dump(mask.value(listed), out, indent=2)
    out.write("\n")
