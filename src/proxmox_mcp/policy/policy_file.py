"""The policy file: TOML with ``[[rule]]`` tables, read strictly. A fault refuses the start, with its line.

    [[rule]]
    verdict = "deny"                     # allow, deny or confirm
    path = "/nodes/{node}/qemu/{vmid}"   # a template: * within a segment, ** any segments; or a list
    method = ["DELETE", "PUT"]
    effect = "destroy"                   # of the call's effects; deny and confirm match any, allow covers these only
    parameter = ["args", "hostpci*"]     # globs with *: parameters that are given
    node = "pve1"                        # globs with * for node, pool, tag, storage, caller, cluster
    guest = [100, "200-299"]
    command = '^systemctl status [a-z-]+$'   # of a command in a guest: a regular expression for all of it
    by = "person"                        # with confirm: no token will do
    four_eyes = true                     # with confirm: an operator who is not the caller's own person must approve
    snapshot = true                      # with allow and confirm: a snapshot of the guests is taken first
    reason = "production"

All conditions of a rule must hold; of a list, any value. Each effect of a call is decided for itself, from the top
(``policy.policy``). ``risk`` is what 0.1.0 had for ``effect``: it is read, with a warning.
"""

from __future__ import annotations

import logging
import re
import tomllib
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.apidoc import METHODS
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.errors import PolicyFileError
from proxmox_mcp.policy.globs import path_matches
from proxmox_mcp.policy.policy import Policy
from proxmox_mcp.policy.rules import Rule, Verdict
from proxmox_mcp.policy.toml_lines import TomlSection, depth, sections
from proxmox_mcp.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from proxmox_mcp.policy.caller import Mode

_LOG = logging.getLogger(__name__)
_GLOB_KEYS = {
    "parameter": "parameters",
    "node": "nodes",
    "pool": "pools",
    "tag": "tags",
    "storage": "storages",
    "caller": "callers",
    "cluster": "clusters",
}
_KEYS = (
    "verdict",
    "by",
    "path",
    "method",
    "effect",
    "risk",
    "guest",
    "command",
    "four_eyes",
    "snapshot",
    "reason",
    *_GLOB_KEYS,
)
_RISK_OF_EXPOSE = frozenset({Effect.ACCESS, Effect.DISRUPT})
"""The risks that 0.1.0 gave to what is ``expose`` by now: it did not know the word."""
_COMMANDS = r"Write a regular expression for the whole command: '^systemctl status [a-z-]+$'."
_PATH = re.compile(r"(?:/(?:[^\s?#%\[\]\\{}/]+|\{[^\s{}/]+\}))+")
_NAME = re.compile(r"[\w.@!*+:/-]+", re.ASCII)
_MAX_BYTES = 1 << 20
_MOST_NESTED = 50


class TomlFile(Struct, frozen=True):
    """A TOML file that was read, with the lines of its tables and keys. ``name`` is for messages."""

    name: str
    document: dict[str, Any]
    sections: Sequence[TomlSection]

    def line_of(self, key: str) -> int:
        """The line of a key, or of the first table, at the top level of the file."""
        tables = (section.line for section in self.sections if section.name.split(".")[0] == key)
        return next(tables, self.sections[0].line_of(key))

    def fault(self, line: int, message: str, advice: str = "") -> PolicyFileError:
        return PolicyFileError(f"{self.name}, line {line}: {message}", advice)


class PolicySource:
    """A policy that can be read again. ``policy`` is the one in force."""

    def __init__(self, mode: Mode, path: Path | None, templates: Collection[str] = ()) -> None:
        """Raises ``PolicyFileError`` where the file can't be read or understood."""
        self._mode, self._path, self._templates = mode, path, templates
        self.policy = self._read()

    def reload(self) -> bool:
        """Read the file again. Where it is at fault the policy in force stays, the fault is logged: False."""
        try:
            self.policy = self._read()
        except PolicyFileError as error:
            _LOG.error("policy not reloaded, the one in force stays: %s", error)
            return False
        return True

    def _read(self) -> Policy:
        rules = load_rules(self._path, self._templates) if self._path else ()
        warn_of_outdated(rules)
        return Policy(self._mode, rules)


def warn_of_outdated(rules: Sequence[Rule]) -> None:
    """Log what in these rules is written as an older version wanted it."""
    for rule in rules:
        if rule.outdated:
            _LOG.warning("%s", rule.outdated)


def load_rules(path: Path, templates: Collection[str] = ()) -> tuple[Rule, ...]:
    """The rules of a policy file. ``templates``: all path templates known, to refuse a path that fits none of them.

    Raises ``PolicyFileError`` with line and cause.
    """
    file = read_toml(path)
    for key in file.document:
        if key != "rule":
            raise file.fault(file.line_of(key), f"unknown key `{key}`", suggest(key, ("rule",)))
    tables = [section for section in file.sections if section.name == "rule"]
    return read_rules(file, file.document.get("rule", []), tables, templates)


def read_toml(path: Path) -> TomlFile:
    """Read a file of the operator's. Raises ``PolicyFileError`` where it is missing, too big or not TOML."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise PolicyFileError(
            f"{path}: {error.strerror or error}", "Name a file that this process can read."
        ) from error
    if len(raw) > _MAX_BYTES:
        raise PolicyFileError(f"{path}: larger than {_MAX_BYTES} bytes", "Name the right file.")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PolicyFileError(f"{path.name}, line {line}: not UTF-8", "Save the file as UTF-8.") from error
    if depth(text) > _MOST_NESTED:  # tomllib would use up Python's stack, and what is collected there can't clean up.
        raise PolicyFileError(f"{path.name}: nested too deeply", "Rules are flat tables.")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column \d+\)|\(at end of document\)", str(error))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        cause = str(error)[: place.start()].strip() if place else str(error)
        raise PolicyFileError(f"{path.name}, line {line}: {cause}", "The file must be TOML.") from error
    except RecursionError as error:
        raise PolicyFileError(f"{path.name}: nested too deeply", "Rules are flat tables.") from error
    return TomlFile(path.name, document, sections(text))


def read_rules(
    file: TomlFile, tables: object, places: Sequence[TomlSection], templates: Collection[str] = ()
) -> tuple[Rule, ...]:
    """The rules in a list of tables, each with its section."""
    fallback = file.line_of("rule")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        line = places[0].line if places else fallback
        raise file.fault(line, "`rule` must be a list of tables", "Write each rule under [[rule]].")
    known = [*places, *([TomlSection("rule", fallback)] * (len(tables) - len(places)))]
    return tuple(
        _RuleReader(file, section, table, templates).read(number)
        for number, (table, section) in enumerate(zip(tables, known, strict=False), start=1)
    )


class _RuleReader:
    """One ``[[rule]]`` table on its way to a ``Rule``; every fault has the line of its key."""

    def __init__(self, file: TomlFile, section: TomlSection, table: dict[str, Any], templates: Collection[str]) -> None:
        self._file, self._section, self._table, self._templates = file, section, table, templates

    def read(self, number: int) -> Rule:
        for key in self._table:
            if key not in _KEYS:
                raise self._fault(key, f"unknown key `{key}`", suggest(key, _KEYS))
        if "verdict" not in self._table:
            raise self._fault("", "the rule has no `verdict`", f"Allowed: {', '.join(Verdict)}.")
        verdict = Verdict(self._one_of("verdict", list(Verdict)))
        by_person, four_eyes = self._read_by(verdict), self._read_four_eyes(verdict)
        globs = {field: self._texts(key, self._glob) for key, field in _GLOB_KEYS.items()}
        return Rule(
            verdict=verdict,
            by_person=by_person or four_eyes,
            four_eyes=four_eyes,
            paths=self._texts("path", self._path),
            methods=frozenset(self._texts("method", self._member(METHODS))),
            effects=self._effects(verdict),
            snapshot=self._read_snapshot(verdict),
            guests=self._guests(),
            commands=tuple(map(re.compile, self._texts("command", self._pattern))),
            reason=self._text("reason"),
            source=self._file.name,
            line=self._section.line,
            number=number,
            outdated=self._outdated(),
            **globs,
        )

    def _read_by(self, verdict: Verdict) -> bool:
        if "by" not in self._table:
            return False
        self._one_of("by", ["person"])
        if verdict is not Verdict.CONFIRM:
            raise self._fault("by", f"`by` has no meaning with `{verdict}`", 'It goes with verdict = "confirm".')
        return True

    def _read_four_eyes(self, verdict: Verdict) -> bool:
        value = self._table.get("four_eyes", False)
        if not isinstance(value, bool):
            raise self._wrong("four_eyes", value, "true or false")
        if value and verdict is not Verdict.CONFIRM:
            fault = f"`four_eyes` has no meaning with `{verdict}`"
            raise self._fault("four_eyes", fault, 'It goes with verdict = "confirm".')
        return value

    def _read_snapshot(self, verdict: Verdict) -> bool:
        value = self._table.get("snapshot", False)
        if not isinstance(value, bool):
            raise self._wrong("snapshot", value, "true or false")
        if value and verdict is Verdict.DENY:
            raise self._fault("snapshot", "`snapshot` has no meaning with `deny`", "It goes with allow and confirm.")
        return value

    def _effects(self, verdict: Verdict) -> frozenset[Effect]:
        if "effect" in self._table and "risk" in self._table:
            raise self._fault("risk", "`risk` is the older name of `effect`; the rule has both", "Keep `effect`.")
        if "risk" not in self._table:
            return frozenset(map(Effect, self._texts("effect", self._member(list(Effect)))))
        effects = frozenset(map(Effect, self._texts("risk", self._member(list(Effect)))))
        # An old rule must not let through what it stopped; what it allowed may be asked about.
        wider = verdict is not Verdict.ALLOW and effects & _RISK_OF_EXPOSE
        return effects | {Effect.EXPOSE} if wider else effects

    def _outdated(self) -> str:
        if "risk" not in self._table:
            return ""
        where = f"{self._file.name}, line {self._section.line_of('risk')}"
        return f"{where}: `risk` is an older key. Write `effect`; docs/upgrade.md says what else changed for rules."

    def _one_of(self, key: str, allowed: Sequence[str]) -> str:
        value = self._table[key]
        if not isinstance(value, str):
            raise self._wrong(key, value, "a text")
        return self._member(allowed)(key, value)

    def _text(self, key: str) -> str:
        value = self._table.get(key, "")
        if not isinstance(value, str):
            raise self._wrong(key, value, "a text")
        return " ".join(value.split())

    def _texts(self, key: str, read: Callable[[str, str], str]) -> tuple[str, ...]:
        if key not in self._table:
            return ()
        values = self._table[key] if isinstance(self._table[key], list) else [self._table[key]]
        if not values:
            raise self._fault(
                key, f"`{key}` is an empty list, which could mean all or nothing", "Leave it out for all."
            )
        for value in values:
            if not isinstance(value, str):
                raise self._wrong(key, value, "a text, or a list of them")
        return tuple(read(key, value) for value in values)

    def _member(self, allowed: Sequence[str]) -> Callable[[str, str], str]:
        def read(key: str, value: str) -> str:
            if value not in allowed:
                raise self._fault(key, f"`{key}` can't be {value!r:.60}", suggest(value, allowed))
            return value

        return read

    def _glob(self, key: str, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise self._fault(key, f"`{key}` can't be {value!r:.60}", "A name, with * for any characters.")
        return value

    def _pattern(self, key: str, value: str) -> str:
        try:
            re.compile(value)
        except (re.error, OverflowError, RecursionError) as error:
            raise self._fault(key, f"`{key}` is not a regular expression: {error}", _COMMANDS) from None
        if not (value.startswith("^") and value.endswith("$")):
            raise self._fault(key, f"`{key}` must describe the whole command: {value!r:.100}", _COMMANDS)
        return value

    def _path(self, key: str, value: str) -> str:
        if not _PATH.fullmatch(value):
            advice = "A template such as /nodes/{node}/qemu/*/status/**: * is one segment, ** any."
            raise self._fault(key, f"`path` can't be {value!r:.100}", advice)
        if self._templates and not any(path_matches(value, template) for template in self._templates):
            question = did_you_mean(value, [each.replace("{}", "*") for each in self._templates], 1)
            advice = f"Write templates; name nodes and guests with `node` and `guest`. {question}".rstrip()
            raise self._fault(key, f"`path` {value!r:.100} fits no endpoint", advice)
        return value

    def _guests(self) -> tuple[range, ...]:
        if "guest" not in self._table:
            return ()
        values = self._table["guest"] if isinstance(self._table["guest"], list) else [self._table["guest"]]
        if not values:
            raise self._fault(
                "guest", "`guest` is an empty list, which could mean all or nothing", "Leave it out for all."
            )
        return tuple(map(self._guest_range, values))

    def _guest_range(self, value: object) -> range:
        bounds = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", str(value), re.ASCII)
        if isinstance(value, bool) or bounds is None:
            raise self._wrong("guest", value, 'a number, a range such as "100-199", or a list of them')
        first, last = int(bounds[1]), int(bounds[2] or bounds[1])
        if last < first:
            raise self._fault("guest", f"`guest` can't be {value!r}: the range runs backwards", "Lower number first.")
        return range(first, last + 1)

    def _wrong(self, key: str, value: object, wanted: str) -> PolicyFileError:
        return self._fault(key, f"`{key}` can't be {value!r:.60}", f"It must be {wanted}.")

    def _fault(self, key: str, message: str, advice: str = "") -> PolicyFileError:
        return self._file.fault(self._section.line_of(key), message, advice)


def suggest(value: str, allowed: Sequence[str]) -> str:
    """Advice for a value that is not allowed: the nearest one, and all of them."""
    return f"{did_you_mean(value, allowed, 1, quote='`')} Allowed: {', '.join(allowed)}.".lstrip()
