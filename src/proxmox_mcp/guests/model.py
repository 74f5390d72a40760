"""A command for a guest, the guest, and the result."""

from __future__ import annotations

import hashlib
import shlex
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.errors import InvalidCallError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_COMMAND = 32 * 1024
MAX_INPUT = 1024 * 1024
MAX_OUTPUT = 1024 * 1024
"""Bytes kept of each of output and errors."""
DEFAULT_TIMEOUT, MAX_TIMEOUT = 60, 600


class GuestOnNode(Struct, frozen=True):
    """A guest on its node: ``kind`` is ``qemu`` or ``lxc``."""

    kind: str
    vmid: int
    node: str

    @property
    def path(self) -> str:
        return f"/nodes/{self.node}/{self.kind}/{self.vmid}"

    def __str__(self) -> str:
        return f"{'VM' if self.kind == 'qemu' else 'container'} {self.vmid}"


class GuestCommand(Struct, frozen=True):
    """What is to run: a program with its arguments (``argv``), or one text for the guest's shell (``argv`` empty)."""

    argv: tuple[str, ...] = ()
    text: str = ""

    @classmethod
    def parse(cls, command: str | Sequence[str]) -> GuestCommand:
        """From a tool's argument. Raises InvalidCallError for what can't be run exactly as it is written."""
        parts = [command] if isinstance(command, str) else list(command)
        if not parts or not parts[0].strip():
            raise InvalidCallError(
                "The command is empty.", 'Give a program and its arguments: ["systemctl", "status"].'
            )
        if parts[0].startswith("-"):
            raise InvalidCallError("The command starts with -, which a shell reads as an option.", "Name a program.")
        if any("\0" in part for part in parts):
            raise InvalidCallError("The command holds a NUL character.", "No program takes one in an argument.")
        try:
            size = sum(len(part.encode()) + 1 for part in parts)
        except UnicodeEncodeError:
            raise InvalidCallError(
                "The command holds half a character (a lone surrogate).", "Send whole text."
            ) from None
        if size > MAX_COMMAND:
            raise InvalidCallError(
                f"The command takes {size} bytes; {MAX_COMMAND} are the most.",
                'Send a long script as `input` to a shell: command ["sh"], input "...".',
            )
        return cls(text=command) if isinstance(command, str) else cls(argv=tuple(parts))

    @property
    def for_a_shell(self) -> bool:
        return not self.argv

    @property
    def line(self) -> str:
        """One line for a POSIX shell: the text itself, or the arguments quoted so that a shell reads them unchanged."""
        return self.text if self.for_a_shell else shlex.join(self.argv)

    @property
    def as_text(self) -> str:
        """What ``sh -c`` runs. A program takes the shell's place, so that it alone decides how it ends."""
        return self.text if self.for_a_shell else f"exec {self.line}"

    @property
    def posix_argv(self) -> tuple[str, ...]:
        """The program to start in a guest with a POSIX shell."""
        return ("sh", "-c", self.text) if self.for_a_shell else self.argv


class Output(Struct, frozen=True):
    """One stream of a command: the first bytes of it, and how many came after them.

    ``dropped``: None if unknown.
    """

    data: bytes = b""
    cut: bool = False
    dropped: int | None = 0

    @property
    def digest(self) -> str:
        """SHA-256 of what is kept, for the audit log."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def text(self) -> str:
        """For reading: bytes that are not UTF-8 become U+FFFD."""
        return self.data.decode("utf-8", "replace")


class ExecResult(Struct, frozen=True, kw_only=True):
    """The result of a command.

    ``exit_code``: None if the command was stopped or a signal ended it; ``signal``: that signal, if known. ``notes``:
    sentences for the reader, such as what still runs.
    """

    exit_code: int | None
    stdout: Output
    stderr: Output
    seconds: float
    signal: int | None = None
    timed_out: bool = False
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.timed_out


def kept(data: bytes, limit: int, *, already_cut: bool = False) -> Output:
    """An output of which ``limit`` bytes are kept; ``already_cut`` says that the guest itself cut it before."""
    dropped = max(0, len(data) - limit)
    return Output(data[:limit], bool(dropped) or already_cut, None if already_cut else dropped)
