"""Questions at a terminal, whose answers can be given as options instead.

Questions go to standard error. A secret is read without being shown, or from the environment; never from an option,
which other users of the machine could read, and which a shell keeps in its history.
"""

# Tested through tests/e2e/test_setup.py.

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from proxmox_mcp.errors import CallError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
_COLOURS = {"+": "green", "-": "red"}


class Asker:
    """Asks a person, or takes what the options say: without a terminal a missing answer is an error that names it."""

    def __init__(self, *, agrees: bool) -> None:
        """``agrees``: every question with yes and no is answered with its usual answer, and writing with yes."""
        self._agrees = agrees
        self.can_ask = sys.stdin.isatty()

    def tell(self, *lines: str) -> None:
        for line in lines:
            click.echo(line, err=True)

    def show_difference(self, lines: Iterable[str]) -> None:
        """Lines as ``diff`` marks them: what comes in green, what goes in red."""
        for line in lines:
            click.secho(line, fg=_COLOURS.get(line[:1]), err=True)

    def value(self, given: str | None, option: str, question: str, default: str, check: Callable[[str], T]) -> T:
        """A text that passes the check, which raises SettingsError. At a terminal a wrong one is asked for again."""
        if given is not None:
            return check(given)
        if default and (self._agrees or not self.can_ask):
            return check(default)
        if not self.can_ask:
            raise SettingsError(f"{question}: the answer is missing.", f"Give it with {option}.")
        while True:
            try:
                return check(click.prompt(question, default=default or None, err=True).strip())
            except SettingsError as error:
                self.tell(error.message, *filter(None, [error.advice]))

    def choice(self, given: str | None, question: str, choices: Mapping[str, str], default: str) -> str:
        """One of some words, each with what it means."""
        if given is not None or self._agrees or not self.can_ask:
            return given if given is not None else default
        self.tell("", question)
        width = max(map(len, choices))
        self.tell(*(f"  {word.ljust(width)}  {meaning}" for word, meaning in choices.items()))
        chosen: str = click.prompt("", type=click.Choice(list(choices)), default=default, prompt_suffix="> ", err=True)
        return chosen

    def optional(self, question: str) -> str:
        """A text that may be empty; without a terminal it is."""
        if self._agrees or not self.can_ask:
            return ""
        given: str = click.prompt(question, default="", show_default=False, err=True)
        return given.strip()

    def agree(self, question: str, *, default: bool = True) -> bool:
        """A question with yes and no; without a terminal the usual answer."""
        if self._agrees or not self.can_ask:
            return default
        return click.confirm(question, default=default, err=True)

    def must_agree(self, question: str, option: str) -> None:
        """A question that nothing but a person or an explicit option answers with yes. Raises CallError, Abort."""
        if not self.can_ask:
            raise CallError("Nothing was written: there is no terminal to ask at.", f"Add {option} if you agree.")
        click.confirm(question, default=False, abort=True, err=True)

    def secret(self, question: str, name: str, *, confirmed: bool = False) -> str:
        """A secret from the environment (``name``, or the file that NAME_FILE names), else asked for."""
        value, path = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
        if value or path:
            self.tell(f"{question}: taken from {name if value else f'{name}_FILE'}")
            return value or _content(name, Path(path))
        if not self.can_ask:
            raise SettingsError(f"{question} is missing.", f"Set {name}, or {name}_FILE to a file that has it.")
        given: str = click.prompt(question, hide_input=True, confirmation_prompt=confirmed, err=True)
        return given.strip()


def _content(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{name}_FILE: {path} can't be read.", "Name a file that this user can read.") from None
