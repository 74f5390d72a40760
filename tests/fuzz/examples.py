"""How long to look: a little and always at the same things in every run, more and anywhere when asked.

``FUZZ=50 scripts/test tests/fuzz`` tries fifty times as many examples, and others at every run.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

from example_counts import share_of

DEPTH = int(os.environ.get("FUZZ", "1"))


def examples(number: int, **more: Any) -> settings:
    """So many examples in a thorough run. None without ``FUZZ`` is held up by looking for a smaller one that fails."""
    return settings(
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if DEPTH > 1 else [])],
        max_examples=share_of(number) * DEPTH,
        derandomize=DEPTH == 1,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
        **more,
    )
