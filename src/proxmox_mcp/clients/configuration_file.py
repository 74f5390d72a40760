"""A client's own configuration file: the difference that an entry makes, and writing it with a copy of the old one."""

from __future__ import annotations

import json
import re
import stat
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.clients.json_text import JsonText
from proxmox_mcp.errors import CallError
from proxmox_mcp.private_files import replace_file
from proxmox_mcp.settings import SECRETS, known_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from proxmox_mcp.clients.catalogue import KnownClient
    from proxmox_mcp.clients.entries import Entry

COPY = ".before-proxmox-mcp"
HIDDEN = "[hidden]"
_MOST_BYTES = 16 * 2**20
_PRIVATE = 0o600
_REFERENCE = re.compile(r"(?:Bearer )?\$(?:\w+|\{[\w:.-]+\})")
_IN_TEXT = re.compile(r"(Bearer\s+)(?!\$)\S+|(://)[^/@\s]+@")


class FileChange(Struct, frozen=True):
    """What a file holds and what it will hold. ``before`` is None if there is no file yet. ``difference`` has no
    secret: it leaves out other entries, and hides the secrets of this one."""

    path: Path
    before: bytes | None
    after: str
    difference: str
    private: bool

    @property
    def is_empty(self) -> bool:
        return (self.before or b"").decode("utf-8", "replace") == self.after


def with_entry(path: Path, client: KnownClient, name: str, entry: Entry) -> FileChange:
    """The change that sets an entry. Raises CallError if the file can't be read or is not of this form."""
    before, text = _read(path)
    try:
        changed = text.with_member((client.servers, name), dict(entry.value))
        if entry.inputs:
            changed = changed.with_member(("inputs",), _with_inputs(text.get(("inputs",)), entry.inputs))
    except ValueError as error:
        raise _unfit(path, error) from None
    old = text.get((client.servers, name))
    difference = _difference(client.servers, name, old, dict(entry.value), entry.inputs)
    return FileChange(path, before, changed.text, difference, private=entry.keeps_secret)


def without_entry(path: Path, client: KnownClient, name: str) -> FileChange:
    """The change that removes an entry, and what only it made VS Code ask for. Raises CallError."""
    before, text = _read(path)
    old = text.get((client.servers, name))
    try:
        changed = text.without_member((client.servers, name))
        asked = text.get(("inputs",))
        if isinstance(asked, list):
            ours = [
                each for each in asked if _is_ours(each) and f"${{input:{each['id']}}}" not in _servers(changed, client)
            ]
            if ours:
                kept = [each for each in asked if each not in ours]
                changed = changed.with_member(("inputs",), kept) if kept else changed.without_member(("inputs",))
    except ValueError as error:
        raise _unfit(path, error) from None
    return FileChange(path, before, changed.text, _difference(client.servers, name, old, None), private=False)


def write(change: FileChange) -> Path | None:
    """Write a change atomically; returns the copy of the file as it was, None if there was none.

    The mode of the file is kept, except that a file with a secret becomes private. Raises CallError.
    """
    target = change.path.resolve()  # a link into somebody's collection of settings stays a link
    try:
        if (target.read_bytes() if target.exists() else None) != change.before:
            raise CallError(f"{change.path} has changed in the meantime.", "Run the command again.")
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = _PRIVATE
        copy: Path | None = None
        if change.before is not None:
            mode = stat.S_IMODE(target.stat().st_mode)
            copy = _free_name(target)
            replace_file(copy, change.before, mode)
        replace_file(target, change.after.encode(), _PRIVATE if change.private else mode)
    except OSError as error:
        raise CallError(f"{change.path} can't be written: {error.strerror}.", "Use --print, and paste it.") from None
    return copy


def _free_name(path: Path) -> Path:
    """A name for a copy beside a file. An older copy is never replaced: the first one is what people wrote."""
    names = (f"{path.name}{COPY}{f'-{number}' if number > 1 else ''}" for number in count(1))
    return next(copy for name in names if not (copy := path.with_name(name)).exists())


def _read(path: Path) -> tuple[bytes | None, JsonText]:
    try:
        if path.exists() and path.stat().st_size > _MOST_BYTES:
            raise CallError(f"{path} is larger than {_MOST_BYTES // 2**20} MiB.", "Use --print, and paste it.")
        before = path.read_bytes() if path.exists() else None
        return before, JsonText((before or b"").decode("utf-8"))
    except OSError as error:
        raise CallError(f"{path} can't be read: {error.strerror}.", "Use --print, and paste it.") from None
    except UnicodeDecodeError:
        raise CallError(f"{path} is not text in UTF-8.", "Use --print, and paste it.") from None
    except ValueError as error:
        raise _unfit(path, error) from None


def _unfit(path: Path, error: ValueError) -> CallError:
    return CallError(f"{path} can't be changed: {error}.", "Correct the file, or use --print and paste it.")


def _with_inputs(there: Any, inputs: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What VS Code asks for, with ours added unless it is there."""
    known = there if isinstance(there, list) else []
    ids = {each.get("id") for each in known if isinstance(each, dict)}
    return [*known, *(dict(each) for each in inputs if each["id"] not in ids)]


def _is_ours(asked: Any) -> bool:
    return isinstance(asked, dict) and str(asked.get("description", "")).endswith(" of proxmox-mcp") and "id" in asked


def _servers(text: JsonText, client: KnownClient) -> str:
    return json.dumps(text.get((client.servers,)))


def _difference(servers: str, name: str, old: Any, new: Any, inputs: Sequence[Mapping[str, Any]] = ()) -> str:
    """The lines of the entry that go and come, as ``diff`` marks them. Other entries are not shown.

    What lies between the first and the last line that differ goes and comes as a whole: ``difflib`` took 81 s for an
    entry of 800 arguments, and the entry can be anybody's.
    """

    def lines(entry: Any, inputs: Sequence[Mapping[str, Any]] = ()) -> list[str]:
        if entry is None:
            return []
        beside = {"inputs": [*inputs]} if inputs else {}
        return json.dumps({servers: {name: masked(entry)}} | beside, indent=2, ensure_ascii=False).splitlines()

    before, after = lines(old), lines(new, inputs)
    head = _equal(before, after)
    tail = _equal(before[head:][::-1], after[head:][::-1])
    gone, come = len(before) - tail, len(after) - tail
    marked = [(" ", before[:head]), ("-", before[head:gone]), ("+", after[head:come]), (" ", before[gone:])]
    return "\n".join(f"{mark} {line}".rstrip() for mark, part in marked for line in part)


def _equal(some: Sequence[str], others: Sequence[str]) -> int:
    """How many lines at the beginning are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(some, others, strict=False)))


def masked(entry: Any) -> Any:
    """An entry to be shown, with its secrets hidden. References to variables are shown."""
    if not isinstance(entry, dict):
        return HIDDEN
    shown = dict(_masked_text(entry))
    plain = {*known_names(), *(f"{name}_FILE" for name in SECRETS)} - set(SECRETS)
    for part in ("headers", "env"):
        if isinstance(values := entry.get(part), dict):
            shown[part] = {key: value if key in plain else _hidden(value) for key, value in values.items()}
    return shown


def _hidden(value: Any) -> str:
    text = str(value)
    if _REFERENCE.fullmatch(text):
        return text
    return f"Bearer {HIDDEN}" if text.startswith("Bearer ") else HIDDEN


def _masked_text(value: Any) -> Any:
    if isinstance(value, str):
        return _IN_TEXT.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}{'@' if found[2] else ''}", value)
    if isinstance(value, dict):
        return {key: _masked_text(each) for key, each in value.items()}
    return [_masked_text(each) for each in value] if isinstance(value, list) else value
