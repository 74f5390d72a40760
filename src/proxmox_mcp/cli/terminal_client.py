"""The person at the terminal, as the client of a call: asked there, and told there how far it is."""

# Tested through tests/cli/test_call.py and tests/cli/test_interrupts.py.

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from proxmox_mcp.cli.interrupts import interruptible
from proxmox_mcp.cli.startup import is_interrupt
from proxmox_mcp.entry import INTERRUPTED
from proxmox_mcp.errors import ConfirmationError, ConfirmationNeededError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager

    from proxmox_mcp.gateway import Reply


class TerminalClient:
    """The person at the terminal, as a client."""

    def __init__(self, *, agrees: bool) -> None:
        self._agrees = agrees
        self._declined: int | None = None
        """The exit status for a person's no: 1, or 130 for a Ctrl-C."""
        self.answer: Reply | None = None
        self.follows_progress = sys.stderr.isatty()

    can_be_asked = True
    """Not by a one-time token: that is valid only in the process that issued it, and this one ends."""

    async def ask(self, question: str, token: str) -> bool:  # noqa: ARG002
        statement = question.rpartition("\n")[0]
        if self._agrees:
            click.echo(statement, err=True)
            return True
        if sys.stdin.isatty():
            return self._confirms(question)
        raise ConfirmationNeededError(
            f"{statement}\nNothing was sent: there is no terminal to ask at.",
            "Run it in a terminal, or add --yes if you agree.",
        )

    def link_shown(self, text: str, link: str, key: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        return nullcontext()

    async def progress(self, done: float | None, text: str) -> None:
        if self.follows_progress:
            click.echo(f"{f'{done:4.0%} ' if done is not None else ''}{text}", err=True)

    @contextmanager
    def telling_what_was_declined(self) -> Iterator[None]:
        """Around a call: a no of the person ends the command, with what that means for the call."""
        try:
            yield
        except ConfirmationError as error:
            if self._declined is None:
                raise
            click.echo(f"{error.message} {error.advice}", err=True)
            sys.exit(self._declined)

    def _confirms(self, question: str) -> bool:
        try:
            with interruptible():
                agrees = click.confirm(question, default=False, err=True)
        except click.Abort as abort:
            click.echo(err=True)
            self._declined = INTERRUPTED if is_interrupt(abort) else 1
            return False
        if not agrees:
            self._declined = 1
        return agrees
