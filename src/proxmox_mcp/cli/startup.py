"""Around the command: standard streams that are open, no start-up cost that is of no use, and the end by Ctrl-C."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from typing import NoReturn

import click

from proxmox_mcp.entry import INTERRUPTED

_SERVING = (10_000, 20, 20)
"""Python would look for garbage after every 700 objects that are not freed at once. With 50,000 a server under load
takes 8 MiB more."""

_TURN = 0.0005
"""Seconds after which a busy thread lets another go on, where Python gives it ten times as many: the event loop waits
for it at each step of a first call, whose answer comes 10 ms sooner."""


def begin() -> None:
    """Call it before pydantic is imported: it (2.14) would read the metadata of all installed packages to find plugins,
    which this project does not use. From then on no thread holds up the others for long."""
    sys.setswitchinterval(_TURN)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def open_streams() -> None:
    """Open those of standard input, output and error that were closed when the command was started, as empty ones.

    Python has None in place of a closed one, which few libraries expect; and the next file that is opened, such as the
    database, would get its number, so that what is written to standard output could end in it.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            with contextlib.suppress(OSError):
                os.fstat(number)
                continue
            os.open(os.devnull, os.O_RDWR)  # The lowest number that is free: those below are open by now.
            setattr(sys, name, os.fdopen(number, mode))


def done() -> None:
    """Call it after the command: a Ctrl-C while the interpreter ends its threads would be told with a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(told: str = "") -> NoReturn:
    """End the command after a Ctrl-C with 130, where click would say "Aborted!" and exit as after a failure."""
    if sys.stderr.isatty():
        click.echo(err=True)  # The terminal has written ^C.
    if told:
        click.echo(told, err=True)
    sys.exit(INTERRUPTED)


def is_interrupt(abort: click.Abort) -> bool:
    """Whether a question was ended by Ctrl-C, not by the end of the input: click (8.5) raises Abort for both."""
    return isinstance(abort.__context__, KeyboardInterrupt)


def settle() -> None:
    """Call it when the start is over: its objects are never looked at for garbage again, later ones are."""
    gc.freeze()
    gc.set_threshold(*_SERVING)
