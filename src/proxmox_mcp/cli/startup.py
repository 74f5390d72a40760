"""What every start would pay for and gain nothing from."""

from __future__ import annotations

import gc
import os

_USUAL = gc.get_threshold()


def begin() -> None:
    """Before anything large is imported.

    What is imported stays, so looking for garbage among it finds none: it is looked for seldom. And pydantic would
    look through all installed packages for plugins of its own, of which we use none.
    """
    gc.set_threshold(20_000, 20, 20)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def settle() -> None:
    """Before calls are taken: what is there now is not looked through again, and garbage goes in small portions, so
    that no call waits for a large one."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
