"""The directory of the data files: inside the package in a wheel, ``apidoc/`` at the top level in a checkout."""

# Tested through tests/apidoc/test_effects.py and tests/apidoc/test_privileges.py.

from __future__ import annotations

from pathlib import Path

_PACKAGED = Path(__file__).parent / "data"
_CHECKOUT = Path(__file__).parents[3] / "apidoc"


def data_directory() -> Path:
    """The directory with the bundled snapshots, ``intents/`` and ``effects/``."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
