"""The commands of a node's command line, and the endpoints that do the same: ``apidoc/commands.txt``.

People know ``qm``, ``pct`` or ``pvesm`` better than the API, and paste whole command lines: what the command does is
known exactly, while its arguments are names that say nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from proxmox_mcp.errors import ApidocFormatError
from proxmox_mcp.search.absent import Absence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_QUOTES = "`'\"$#()[]{}.,:;?!"
_ALONE, _FIRST = "none", "first"
_SUDO = "sudo"


class Command(NamedTuple):
    """A command: its words, and the endpoints (method, path) that do the same; none where it runs on a node only."""

    words: tuple[str, ...]
    endpoints: tuple[tuple[str, str], ...]

    @property
    def absence(self) -> Absence:
        """What to say where the command has no endpoint."""
        name = " ".join(self.words)
        advice = (
            f"`{name}` exists on the command line of a node only: run it there over SSH, or in a terminal for a person "
            "(POST /nodes/{node}/termproxy)."
        )
        return Absence(name, advice, ())


class Commands(Struct, frozen=True):
    """All commands by their words. ``longest`` is the number of words of the longest of each program.

    Programs of ``first`` count only where a question begins with them: guests have them as well.
    """

    endpoints: Mapping[tuple[str, ...], tuple[tuple[str, str], ...]]
    longest: Mapping[str, int]
    first: frozenset[str]

    def named_in(self, query: str) -> Command | None:
        """The command that a question names, the longest one of the first program in it that has such a command."""
        if self.longest.keys().isdisjoint(asked := _words(query)):
            return None
        for position, program in enumerate(asked):
            if program in self.first and not all(map(_is_before, asked[:position])):
                continue
            for count in range(self.longest.get(program, 0), 0, -1):
                words = tuple(asked[position : position + count])
                if words in self.endpoints and (count > 1 or _is_called(asked, position)):
                    return Command(words, self.endpoints[words])
        return None


def _is_before(word: str) -> bool:
    """Whether a line may have a word before its command: ``sudo``, or the prompt (``root@pve1:~#``)."""
    return not word or word == _SUDO or "@" in word


def _is_called(asked: Sequence[str], position: int) -> bool:
    """Whether a program without commands of its own is called, not only mentioned: ``vzdump 101``, not "vzdump job"."""
    after = asked[position + 1 : position + 2]
    return len(asked) == 1 or bool(after and (after[0].isdigit() or after[0].startswith("-")))


def _words(text: str) -> list[str]:
    return [word.strip(_QUOTES) for word in text.lower().replace("_", "-").split()]


def load_commands(path: Path) -> Commands:
    """Read ``commands.txt``; a line that can't be read raises ApidocFormatError with its number."""
    endpoints: dict[tuple[str, ...], tuple[tuple[str, str], ...]] = {}
    longest: dict[str, int] = {}
    first: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        target, _, names = line.partition(": ")
        method, _, template = target.partition(" ")
        if not names.strip() or (target not in (_ALONE, _FIRST) and not template.startswith("/")):
            raise ApidocFormatError(f"{path.name}, line {number}: neither 'METHOD /path: command' nor 'none: command'")
        for name in names.split(","):
            words = tuple(_words(name))
            if target == _FIRST:
                first.update(words)
                continue
            endpoints[words] = endpoints.get(words, ()) + (((method, template),) if template else ())
            longest[words[0]] = max(longest.get(words[0], 0), len(words))
    return Commands(endpoints, longest, frozenset(first))
