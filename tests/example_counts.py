"""How many examples hypothesis tries: an eighth in ``scripts/test``, all in ``scripts/test --all`` and ``.ci/run``.

Tests that don't say how many get the number of the profile; those that do say how many make a thorough run.
``tests/fuzz`` can try more, and others (``fuzz/examples.py``).
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_THOROUGH = 100
_QUICK = 12


def register_profiles() -> None:
    """The profiles ``quick`` (in force where ``--hypothesis-profile`` names no other) and ``thorough``."""
    for name, number in (("quick", _QUICK), ("thorough", _THOROUGH)):
        # On a busy machine hypothesis takes its own examples for too slow: no test may depend on the clock.
        suppressed = [HealthCheck.too_slow]
        settings.register_profile(name, max_examples=number, deadline=None, suppress_health_check=suppressed)
    settings.load_profile("quick")


def share_of(number: int) -> int:
    """The part of so many examples that the profile in force tries."""
    return max(1, number * settings().max_examples // _THOROUGH)
