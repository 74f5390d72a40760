"""Start-up cost that is of no use: garbage collection during imports, and the search for pydantic plugins."""

from __future__ import annotations

import gc
import os

_DEFAULT_THRESHOLD = gc.get_threshold()


def begin() -> None:
    """Call it before anything large is imported.

    Imported modules stay in memory, so garbage collection among them finds next to nothing (0.3 MiB), and takes 3 % of
    the start: it runs twice. And pydantic (2.14) would read the metadata of all installed packages to find plugins,
    which this project does not use.
    """
    gc.set_threshold(200_000, 20, 20)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def settle() -> None:
    """Call it before the first request: objects of the start are never examined again, and collections are short."""
    gc.freeze()
    gc.set_threshold(*_DEFAULT_THRESHOLD)
