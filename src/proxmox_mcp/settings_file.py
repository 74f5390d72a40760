"""The settings as a file of ``NAME=value`` lines: what ``setup`` writes, and what every command reads.

The form is the part that a shell, Compose and systemd's ``EnvironmentFile`` read alike: plain values bare, others in
single quotes. The file is private, since it holds the secret of the API token.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.errors import SettingsError
from proxmox_mcp.private_files import has_owners, make_private_directory, replace_file, why_untrusted

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE = re.compile(r"[A-Za-z0-9_.,:@%+/=~-]*")
_COMMENT = re.compile(r"\s#")
_ESCAPE = re.compile(r'\\(["\\$`])')
_MOST_BYTES = 2**20


class SettingsFile(Struct, frozen=True):
    """Where the settings are or will be. ``named``: by an option; ``used``: its values are those of this process."""

    path: Path
    named: bool = False
    used: bool = False


def default_path(environment: Mapping[str, str]) -> Path:
    """The file that is read where none is named: in the user's own configuration directory."""
    root = environment.get("XDG_CONFIG_HOME") or environment.get("APPDATA") or str(Path.home() / ".config")
    return Path(root) / "proxmox-mcp" / ".env"


def locate(environment: Mapping[str, str], named: Path | None) -> SettingsFile:
    """Where the settings are, whether or not the file is there yet; nothing is read."""
    return SettingsFile(named or default_path(environment), named=named is not None)


def apply(environment: MutableMapping[str, str], named: Path | None) -> SettingsFile:
    """Add the settings of a file to the environment. Raises SettingsError if a named file can't be read.

    A cluster and its secret come from one place: a named file replaces all ``PROXMOX_`` variables, and the default
    file counts only where the environment describes no cluster. Otherwise a secret from one place would be sent to a
    host from another. Other variables of the environment win.
    """
    found = locate(environment, named)
    path = found.path
    if not path.is_file():
        if named is not None:
            raise SettingsError(f"There is no file {named}.", f"Write it with: proxmox-mcp --env-file {named} setup")
        return found
    if named is None and any(_describes_a_cluster(name) for name in environment):
        return found
    if named is None and (why := why_untrusted(path)):
        raise SettingsError(f"The settings are not read: {why}.", f"Correct owner and mode: chmod 600 {path}")
    values = read(path)
    if any(_describes_a_cluster(name) for name in values):
        for name in [name for name in environment if _describes_a_cluster(name)]:
            del environment[name]
    missing = {name: value for name, value in values.items() if not _is_set(environment, name)}
    environment.update(missing)
    return replace(found, used=True)


def _is_set(environment: Mapping[str, str], name: str) -> bool:
    """Whether a setting is there, by its name or, for a secret, by the file that holds it (``NAME_FILE``)."""
    other = name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"
    return bool(environment.get(name) or environment.get(other))


def _describes_a_cluster(name: str) -> bool:
    return name.startswith("PROXMOX_") or name == "MCP_CLUSTERS_FILE"


def read(path: Path) -> dict[str, str]:
    """The variables of a file. Raises SettingsError with the line of the first that can't be read."""
    values = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, text = _parts(line)
        value = _value(text) if name else None
        if value is None:
            raise SettingsError(f"{path}, line {number} can't be read.", "Write it as NAME=value or NAME='value'.")
        values[name] = value
    return values


def _parts(line: str) -> tuple[str, str]:
    """The name and the rest of a line; both empty if it sets nothing."""
    name, equals, text = line.partition("=")
    words = name.split()
    if not equals or not words or words[:-1] not in ([], ["export"]) or not _NAME.fullmatch(words[-1]):
        return "", ""
    return words[-1], text.strip()


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SettingsError(f"{path} is too large to be a file of settings.")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(
            f"{path} can't be read: {error.strerror}.", "Name a file that this user can read."
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not text in UTF-8.", "Write it again with: proxmox-mcp setup") from None


def _value(text: str) -> str | None:
    """A value without its quotes; None if a quote is not closed."""
    if text[:1] not in ("'", '"'):
        comment = _COMMENT.search(f" {text}")
        return text if comment is None else text[: max(comment.start() - 1, 0)].rstrip()
    quote, rest = text[0], text[1:]
    end = rest.rfind(quote)
    if end < 0 or (rest[end + 1 :].strip() and not rest[end + 1 :].lstrip().startswith("#")):
        return None
    return _ESCAPE.sub(r"\1", rest[:end]) if quote == '"' else rest[:end]


def updated(path: Path, values: Mapping[str, str]) -> str:
    """The text of a file with these values: lines of other settings, comments and the order stay. Raises SettingsError.

    An empty value removes its line.
    """
    lines = _text(path).splitlines() if path.is_file() else []
    left = {name: _line(name, value) for name, value in values.items()}
    kept = []
    for line in lines:
        name, _ = _parts(line)
        if name not in values:
            kept.append(line)
        elif new := left.pop(name, ""):
            kept.append(new)
    return "\n".join([*kept, *(line for line in left.values() if line), ""])


def write(path: Path, text: str) -> None:
    """Write the file whole, with mode 0600; an existing one is replaced in one step. Raises SettingsError."""
    target = path.resolve()
    try:
        make_private_directory(target.parent)
        replace_file(target, text.encode(), 0o600)
    except OSError as error:
        raise SettingsError(f"{path} can't be written: {error.strerror}.", "Name another with --env-file.") from None


def _line(name: str, value: str) -> str:
    if not value:
        return ""
    if _BARE.fullmatch(value):
        return f"{name}={value}"
    if "'" in value or not value.isprintable():
        raise SettingsError(
            f"The value of {name} has a quote or a line break, which a file of settings can't hold.",
            f"Put it into a file of its own, and set {name}_FILE." if name.endswith(("PASSWORD", "TOKEN")) else "",
        )
    return f"{name}='{value}'"


def is_private(path: Path) -> bool:
    """Whether only its owner can read a file, as far as the system says."""
    return not has_owners() or not path.stat().st_mode & 0o077
