"""Who may call: one token from ``MCP_AUTH_TOKEN``, or several from the callers file.

[[caller]]
name = "ops"
owner = "lena"                # whose client it is, for rules with four_eyes
token_sha256 = "..."          # proxmox-mcp token new ops
mode = "guarded"              # never above the server's
clusters = ["lab"]
expires = 2027-01-01
calls_per_minute = 120
concurrent = 8

[[caller.rule]]               # as in the policy file, read before its rules
verdict = "deny"
pool = "production"
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from proxmox_mcp.errors import PolicyFileError, SettingsError
from proxmox_mcp.policy.caller import Caller, Limits, Mode
from proxmox_mcp.policy.policy_file import TomlFile, read_rules, read_toml, suggest, warn_of_outdated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from proxmox_mcp.policy.toml_lines import TomlSection

_LOG = logging.getLogger(__name__)
_KEYS = ("name", "owner", "token_sha256", "mode", "clusters", "expires", "calls_per_minute", "concurrent", "rule")
_NAME = re.compile(r"[A-Za-z0-9][\w.@-]{0,63}", re.ASCII)
_SHORTEST_TOKEN = 16


NAME_IS = "letters, digits and . _ @ -, at most 64, the first a letter or a digit"


def is_name(text: str) -> bool:
    """Whether a caller may be named so."""
    return _NAME.fullmatch(text) is not None


def new_token() -> tuple[str, str]:
    """A token of 256 random bits and its SHA-256 in hexadecimal: only the latter is to be kept."""
    token = secrets.token_urlsafe(32)
    return token, token_sha256(token)


def token_sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Callers:
    """Those who may call, by the hash of their token. Holds no token."""

    def __init__(self, callers: Mapping[str, Caller], clock: Callable[[], datetime] | None = None) -> None:
        """``callers`` by ``token_sha256``."""
        self._callers = tuple((digest.encode(), caller) for digest, caller in callers.items())
        self._clock = clock or (lambda: datetime.now(UTC))

    def __len__(self) -> int:
        return len(self._callers)

    def __iter__(self) -> Iterator[Caller]:
        return (caller for _, caller in self._callers)

    @classmethod
    def single(cls, token: str) -> Callers:
        """One caller with the server's mode. Raises ``SettingsError`` for a token that could be guessed."""
        if len(token) < _SHORTEST_TOKEN:
            raise SettingsError(
                f"MCP_AUTH_TOKEN is shorter than {_SHORTEST_TOKEN} characters",
                "`proxmox-mcp token new` makes a good one.",
            )
        return cls({token_sha256(token): Caller(name="default")})

    def authenticate(self, header: str | None) -> Caller | None:
        """The caller behind an ``Authorization`` header, None where there is none or its token has expired.

        Compares with every caller in constant time, whichever it is.
        """
        scheme, _, token = (header or "").strip().partition(" ")
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest().encode()
        found: Caller | None = None
        for expected, caller in self._callers:
            if hmac.compare_digest(expected, digest):
                found = caller
        if found is None or scheme.lower() != "bearer" or not token:
            return None
        return None if found.expires is not None and self._clock() >= found.expires else found


class CallersSource:
    """A callers file that can be read again. ``callers`` are those in force."""

    def __init__(self, path: Path, clusters: Collection[str] = (), templates: Collection[str] = ()) -> None:
        """Raises ``PolicyFileError`` where the file can't be read or understood."""
        self._path, self._clusters, self._templates = path, clusters, templates
        self.callers = self._read()

    def reload(self) -> bool:
        """Read the file again. Where it is at fault those in force stay, the fault is logged: False."""
        try:
            self.callers = self._read()
        except PolicyFileError as error:
            _LOG.error("callers not reloaded, those in force stay: %s", error)
            return False
        return True

    def _read(self) -> Callers:
        callers = load_callers(self._path, self._clusters, self._templates)
        for caller in callers:
            warn_of_outdated(caller.rules)
        return callers


def load_callers(path: Path, clusters: Collection[str] = (), templates: Collection[str] = ()) -> Callers:
    """Read a callers file. ``clusters``: the names configured, empty where there is one; ``templates`` as for rules.

    Raises ``PolicyFileError`` with line and cause.
    """
    file = read_toml(path)
    for key in file.document:
        if key != "caller":
            raise file.fault(file.line_of(key), f"unknown key `{key}`", suggest(key, ("caller",)))
    tables = file.document.get("caller", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise file.fault(file.line_of("caller"), "`caller` must be a list of tables", "Write each under [[caller]].")
    if not tables:
        raise file.fault(
            1, "the file names no caller", "Add a [[caller]] table: `proxmox-mcp token new NAME` makes one."
        )
    places = _places(file, len(tables))
    found: dict[str, Caller] = {}
    for table, (section, rules) in zip(tables, places, strict=True):
        reader = _CallerReader(file, section, table, clusters)
        digest, caller = reader.read(read_rules(file, table.get("rule", []), rules, templates))
        if any(other.name == caller.name for other in found.values()):
            raise reader.fault(
                "name", f"a second caller is named `{caller.name}`", "Names must differ: the audit uses them."
            )
        if digest in found:
            raise reader.fault("token_sha256", f"`{caller.name}` has the token of `{found[digest].name}`", "One each.")
        found[digest] = caller
    return Callers(found)


def _places(file: TomlFile, count: int) -> list[tuple[TomlSection, list[TomlSection]]]:
    """For each caller its section and those of its rules; where the file writes them inline, the top of the file."""
    places: list[tuple[TomlSection, list[TomlSection]]] = []
    for section in file.sections:
        if section.name == "caller":
            places.append((section, []))
        elif section.name == "caller.rule" and places:
            places[-1][1].append(section)
    return [*places, *((file.sections[0], []) for _ in range(count - len(places)))]


class _CallerReader:
    """One ``[[caller]]`` table on its way to a ``Caller``."""

    def __init__(self, file: TomlFile, section: TomlSection, table: dict[str, Any], clusters: Collection[str]) -> None:
        self._file, self._section, self._table, self._clusters = file, section, table, clusters

    def read(self, rules: tuple[Any, ...]) -> tuple[str, Caller]:
        for key in self._table:
            if key not in _KEYS:
                raise self.fault(key, f"unknown key `{key}`", suggest(key, _KEYS))
        digest = self._matching(
            "token_sha256", re.compile(r"[0-9a-fA-F]{64}"), "the SHA-256 of a token, 64 digits"
        ).lower()
        return digest, Caller(
            name=self._matching("name", _NAME, NAME_IS),
            owner=self._matching("owner", _NAME, NAME_IS) if "owner" in self._table else "",
            mode=self._mode(),
            rules=rules,
            clusters=self._allowed_clusters(),
            expires=self._expiry(),
            limits=Limits(calls_per_minute=self._number("calls_per_minute"), concurrent=self._number("concurrent")),
        )

    def fault(self, key: str, message: str, advice: str = "") -> PolicyFileError:
        return self._file.fault(self._section.line_of(key), message, advice)

    def _matching(self, key: str, pattern: re.Pattern[str], wanted: str) -> str:
        value = self._table.get(key)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self.fault(key, f"the caller has no valid `{key}`", f"It must be {wanted}.")
        return value

    def _mode(self) -> Mode:
        value = self._table.get("mode", Mode.FULL.value)
        if value not in list(Mode):
            raise self.fault("mode", f"`mode` can't be {value!r:.60}", suggest(str(value), list(Mode)))
        return Mode(value)

    def _allowed_clusters(self) -> frozenset[str]:
        values = self._table.get("clusters")
        if values is None:
            return frozenset()
        if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
            raise self.fault("clusters", "`clusters` must be a list of names", "Leave it out for all.")
        for value in values:
            if self._clusters and value not in self._clusters:
                raise self.fault(
                    "clusters", f"there is no cluster {value!r:.60}", suggest(value, sorted(self._clusters))
                )
        return frozenset(values)

    def _expiry(self) -> datetime | None:
        value = self._table.get("expires")
        if value is None:
            return None
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, date):
            return datetime.combine(value, time(), UTC)
        raise self.fault("expires", f"`expires` can't be {value!r:.60}", "A date without quotes: 2027-01-31, in UTC.")

    def _number(self, key: str) -> int:
        value = self._table.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.fault(key, f"`{key}` can't be {value!r:.60}", "A whole number; 0 for no limit.")
        return value
