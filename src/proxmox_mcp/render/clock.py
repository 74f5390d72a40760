"""The present time and the zone in which times are shown."""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo

from msgspec import Struct, field

from proxmox_mcp.render.units import short_duration, spaced_duration

_LATEST = 253_402_300_799
"""The end of the year 9999, the last time that ``datetime`` knows."""


class Clock(Struct, frozen=True):
    """``now`` is an epoch in seconds; ``name`` is the zone's name as it is shown (``Europe/Berlin``, ``UTC``)."""

    now: float = field(default_factory=time.time)
    zone: tzinfo = UTC
    name: str = "UTC"

    @property
    def present(self) -> str:
        """The present time with its zone: ``2026-11-28 11:40 Europe/Berlin``."""
        return f"{self.moment(self.now)} {self.name}"

    def knows(self, epoch: float) -> bool:
        """Whether an epoch can be shown as a date."""
        return 0 <= epoch <= _LATEST - 86_400

    def moment(self, epoch: float) -> str:
        """A time to the minute: ``2026-11-28 02:35``."""
        return datetime.fromtimestamp(epoch, self.zone).strftime("%Y-%m-%d %H:%M")

    def age(self, epoch: float) -> str:
        """How long ago a time was, or when it will be: ``9 h ago``, ``in 3 d 4 h``."""
        passed = self.now - epoch
        return f"{spaced_duration(passed)} ago" if passed >= 0 else f"in {spaced_duration(-passed)}"

    def short_age(self, epoch: float) -> str:
        """The same as one cell of a table: ``9h``, ``in3d4h``."""
        passed = self.now - epoch
        return short_duration(passed) if passed >= 0 else f"in{short_duration(-passed)}"
