"""The results of the doctor: steps, each with what to do."""

# Tested through tests/doctor/test_cluster_checks.py and tests/doctor/test_run.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.errors import SettingsError

Status = Literal["ok", "warn", "fail", "skipped"]


class Fix(Struct, frozen=True):
    """What to do, in a sentence; ``lines`` are settings or commands to paste as they are."""

    text: str
    lines: tuple[str, ...] = ()


class CheckStep(Struct, frozen=True, kw_only=True):
    """One check with its result; ``part`` is the section it belongs to, such as ``cluster lab``."""

    part: str
    name: str
    status: Status
    found: str
    details: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    of_settings: bool = False
    """Whether a setting is wrong: with it the server sends no calls."""

    def as_json(self) -> dict[str, Any]:
        """The step as ``doctor --json`` lists it."""
        return {
            "part": self.part,
            "step": self.name,
            "status": self.status,
            "setting": self.of_settings,
            "found": self.found,
            "details": list(self.details),
            "cures": [{"text": fix.text, "lines": list(fix.lines)} for fix in self.fixes],
        }


class ReportSection(Struct, frozen=True):
    """Makes the steps of one section of the report."""

    name: str

    def ok(self, name: str, found: str, *details: str) -> CheckStep:
        return CheckStep(part=self.name, name=name, status="ok", found=found, details=details)

    def skipped(self, name: str, why: str) -> CheckStep:
        return CheckStep(part=self.name, name=name, status="skipped", found=why)

    def warn(self, name: str, found: str, *fixes: Fix, details: tuple[str, ...] = ()) -> CheckStep:
        return CheckStep(part=self.name, name=name, status="warn", found=found, details=details, fixes=fixes)

    def wrong_setting(self, name: str, found: str, *fixes: Fix) -> CheckStep:
        """A failure because of a setting."""
        return replace(self.fail(name, found, *fixes), of_settings=True)

    def wrong(self, name: str, error: SettingsError) -> Iterator[CheckStep]:
        """A failure for each wrong setting."""
        for fault in error.faults:
            yield self.wrong_setting(name, fault.message, *([Fix(fault.advice)] if fault.advice else []))

    def fail(self, name: str, found: str, *fixes: Fix, details: tuple[str, ...] = ()) -> CheckStep:
        return CheckStep(part=self.name, name=name, status="fail", found=found, details=details, fixes=fixes)
